// @ts-check
/** What the extension uses of OHIF. Where a version lacks some of it, the panel names it. Pure. */

/** Services and the methods that are called. */
const SERVICES = {
  viewportGridService: ['getState', 'getActiveViewportId', 'setActiveViewportId', 'setLayout'],
  cornerstoneViewportService: ['getCornerstoneViewport'],
  displaySetService: ['getDisplaySetByUID', 'getActiveDisplaySets'],
  hangingProtocolService: ['getViewportsRequireUpdate'],
};

/** Services without which less works: the panel says so, and the rest goes on. */
const OPTIONAL = {
  customizationService: ['setCustomizations'],
  toolbarService: ['register', 'updateSection'],
  toolGroupService: ['getToolGroupIds', 'getToolGroup', 'subscribe'],
  uiNotificationService: ['show'],
};

const COMMANDS = ['loadStudy', 'setDisplaySetsForViewports'];
const LIBRARIES = '@ohif/extension-cornerstone.utilityModule.common';

/** @param {any} extensionManager @returns {{cornerstone: any, cornerstoneTools: any} | null} */
export function librariesOf(extensionManager) {
  const found = extensionManager?.getModuleEntry?.(LIBRARIES)?.exports?.getCornerstoneLibraries?.();
  return found?.cornerstone && found?.cornerstoneTools ? found : null;
}

/** @param {any} services @param {Record<string, string[]>} wanted @returns {string[]} */
function missingServices(services, wanted) {
  return Object.entries(wanted).flatMap(([name, methods]) => {
    const service = services?.[name];
    return service ? methods.filter((method) => typeof service[method] !== 'function').map((method) => `${name}.${method}`) : [name];
  });
}

/** @param {any} commandsManager @param {string} name */
function hasCommand(commandsManager, name) {
  try {
    return Boolean(commandsManager?.getCommand?.(name));
  } catch {
    return false;
  }
}

/**
 * @param {{servicesManager: any, commandsManager: any, extensionManager: any}} managers
 * @returns {{needed: string[], optional: string[]}} names of what is not there
 */
export function missingOf({ servicesManager, commandsManager, extensionManager }) {
  const services = servicesManager?.services;
  const needed = missingServices(services, SERVICES);
  if (librariesOf(extensionManager) === null) {
    needed.push(LIBRARIES);
  }
  needed.push(...COMMANDS.filter((name) => !hasCommand(commandsManager, name)).map((name) => `command ${name}`));
  return { needed, optional: missingServices(services, OPTIONAL) };
}
