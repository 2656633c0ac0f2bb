/** Where the modules under test are. */
export const WEB = new URL('../../../../plugin/longitudinal/web/', import.meta.url);
export const load = (path) => import(new URL(path, WEB));
