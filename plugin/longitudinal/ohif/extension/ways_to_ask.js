// @ts-check
/** Ctrl+click, the right-click menu and a tool of the toolbar. */

import { word } from '../../web/shared/words.js';

export const TOOL = 'LongitudinalPoint';
const COMMAND = 'longitudinalAsk';

/**
 * For this mode only: OHIF forgets them when it is left.
 *
 * @param {import('./session.js').Session} session
 */
export function addClicks({ services }) {
  const item = { label: word('ohif.ask'), commands: [{ commandName: COMMAND }] };
  services.customizationService.setCustomizations({
    cornerstoneViewportClickCommands: { $merge: { ctrlbutton1: [{ commandName: COMMAND }] } },
    measurementsContextMenu: {
      menus: { $push: [{ id: 'longitudinal', selector: (/** @type {any} */ at) => !at?.nearbyToolData, items: [item] }] },
    },
  });
}

/**
 * A tool that asks where it is pressed, in every group of tools and as a button.
 *
 * @param {import('./session.js').Session} session
 */
export function addTool(session) {
  const { toolbarService, toolGroupService } = session.services;
  const { cornerstoneTools } = /** @type {any} */ (session.libraries);
  registerTool(cornerstoneTools);
  const join = () => {
    for (const id of toolGroupService.getToolGroupIds()) {
      const group = toolGroupService.getToolGroup(id);
      if (group && !group.hasTool(TOOL)) {
        group.addTool(TOOL, { ask: (/** @type {any} */ event) => session.askByEvent({ event }) });
        group.setToolPassive(TOOL);
      } else if (group) {
        group.setToolConfiguration?.(TOOL, { ask: (/** @type {any} */ event) => session.askByEvent({ event }) });
      }
    }
  };
  join();
  const { unsubscribe } = toolGroupService.subscribe(toolGroupService.EVENTS.VIEWPORT_ADDED, join);
  session.life.addEventListener('abort', unsubscribe, { once: true });
  toolbarService.register([{
    id: TOOL,
    uiType: 'ohif.toolButton',
    props: {
      icon: 'tool-probe', label: word('ohif.tool'), tooltip: word('ohif.tool.title'),
      commands: { commandName: 'setToolActiveToolbar', commandOptions: { toolGroupIds: [] } },
      evaluate: 'evaluate.cornerstoneTool',
    },
  }]);
  toolbarService.updateSection(toolbarService.sections?.primary ?? 'primary', [TOOL]);
}

/** @param {any} tools cornerstone's */
function registerTool(tools) {
  class LongitudinalPoint extends tools.BaseTool {
    static toolName = TOOL;

    constructor(/** @type {any} */ given = {}, /** @type {any} */ defaults = { supportedInteractionTypes: ['Mouse', 'Touch'], configuration: {} }) {
      super(given, defaults);
    }

    /** cornerstone calls it before a press does anything else. @param {any} event @returns {boolean} whether that was all */
    preMouseDownCallback(event) {
      this.configuration.ask?.(event);
      return true;
    }

    /** @param {any} event */
    preTouchStartCallback(event) {
      this.configuration.ask?.(event);
      return true;
    }
  }
  if (!tools.state?.tools?.[TOOL]) {
    tools.addTool(LongitudinalPoint);
  }
}
