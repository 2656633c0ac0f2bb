// @ts-check
/**
 * The extension as OHIF registers it: the panel, the commands, and a door to everything else, which is fetched when the first
 * image is on the screen. So OHIF waits for this one small file, and opens whatever becomes of the rest.
 */

const ID = 'orthanc-longitudinal';
const IMAGE_RENDERED = 'CORNERSTONE_IMAGE_RENDERED';
/** Where no image comes, such as of a report, the panel is there all the same. */
const LONGEST_MS = 4000;
const PANEL = `${ID}.panelModule.longitudinal`;

/** What app-config.js has put there: prefix, root, React ... @returns {any} */
const surroundings = () => /** @type {any} */ (window).longitudinal;

/** @type {any} OHIF's managers: servicesManager, commandsManager, extensionManager */
let managers = null;
/** @type {Promise<any> | null} */
let session = null;
/** @type {Set<HTMLElement>} where the panel is shown */
const places = new Set();

/** @param {HTMLElement} place @param {unknown} error */
function sayFailure(place, error) {
  place.textContent = `Longitudinal cannot start: ${error instanceof Error ? error.message : error}`;
}

/** Begins the session of a mode, or gives the one that runs. @returns {Promise<any>} */
function current() {
  session ??= import('./session.js').then(({ Session }) => {
    const made = new Session(managers, surroundings(), PANEL);
    made.begin();
    return made;
  });
  return session;
}

/** Resolves when OHIF has drawn something, or has said that it cannot, and has a moment to spare. @param {AbortSignal} mode @returns {Promise<void>} */
function drawn(mode) {
  return new Promise((resolve) => {
    const whenIdle = () => ('requestIdleCallback' in window ? requestIdleCallback(() => resolve(), { timeout: LONGEST_MS }) : resolve());
    document.addEventListener(IMAGE_RENDERED, whenIdle, { capture: true, once: true, signal: mode });
    surroundings().onMissingReference = resolve;
    setTimeout(resolve, LONGEST_MS);
  });
}

/** @type {AbortController | null} */
let mode = null;

/** @param {HTMLElement | null} place given by React when the panel is shown, null when it is gone */
function show(place) {
  if (place === null) {
    for (const known of places) {
      if (!known.isConnected) {
        places.delete(known);
      }
    }
    return;
  }
  places.add(place);
  current().then((begun) => begun.showPanel(place)).catch((error) => sayFailure(place, error));
}

/** One `ref` for all renderings: another function each time would empty the panel at each. */
function Panel() {
  const { React } = surroundings();
  if (!React) {
    return 'Longitudinal cannot be shown: this OHIF did not hand over React (whiteLabeling.createLogoComponentFn).';
  }
  return React.createElement('div', { ref: show, 'data-longitudinal': 'panel', style: { height: '100%' } });
}

/** @param {string} name of a method of Session */
const command = (name) => ({
  commandFn: (/** @type {any} */ options) => current().then((begun) => begun[name](options)).catch((error) => {
    console.warn(`longitudinal: ${name}: ${error instanceof Error ? error.message : error}`);
  }),
});

const extension = {
  id: ID,
  version: '1.0.0',

  /** @param {any} given */
  preRegistration(given) {
    managers = given;
  },

  onModeEnter() {
    session = null;
    mode = new AbortController();
    const { signal } = mode;
    // Here and not in the session, which is fetched while OHIF builds its page: panels and clicks belong to that page.
    try {
      managers.servicesManager.services.panelService.addPanel('right', PANEL);
    } catch (error) {
      console.warn(`longitudinal: no panel: ${error instanceof Error ? error.message : error}`);
    }
    drawn(signal).then(() => (signal.aborted ? null : current())).catch((error) => {
      console.warn(`longitudinal: ${error instanceof Error ? error.message : error}`);
      places.forEach((place) => sayFailure(place, error));
    });
  },

  onModeExit() {
    mode?.abort();
    session?.then((begun) => begun.end(), () => {});
    session = null;
    places.clear();
  },

  getPanelModule: () => [
    { name: 'longitudinal', iconName: 'tab-studies', iconLabel: 'Longitudinal', label: 'Longitudinal', component: Panel },
  ],

  getCommandsModule: () => ({
    defaultContext: 'DEFAULT',
    definitions: { longitudinalAsk: command('askByEvent') },
  }),
};

export default extension;
export { Panel, current };
