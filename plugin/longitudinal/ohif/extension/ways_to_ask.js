// @ts-check
/** Ctrl+click, the right-click menu and a tool of the toolbar. */

import { word } from '../../web/shared/words.js';

export const TOOL = 'LongitudinalPoint';
const COMMAND = 'longitudinalAsk';

const MOST_MOVED_PX = 4; // more is a drag

/**
 * Ctrl+click, or Cmd+click, by the browser's own events: OHIF takes the first click in an inactive viewport for itself, and
 * this one is meant for us.
 *
 * @param {import('./session.js').Session} session
 */
export function addClicks(session) {
  /** @type {PointerEvent | null} */
  let pressed = null;
  const options = { capture: true, signal: session.life };
  document.addEventListener('pointerdown', (event) => {
    session.pressed = { x: event.clientX, y: event.clientY, isDrag: false };
    pressed = event.button === 0 && (event.ctrlKey || event.metaKey) ? event : null;
  }, options);
  document.addEventListener('pointermove', (event) => {
    const { x, y } = session.pressed;
    session.pressed.isDrag ||= event.buttons !== 0 && Math.hypot(event.clientX - x, event.clientY - y) > MOST_MOVED_PX;
  }, options);
  document.addEventListener('pointerup', (event) => {
    const begun = pressed;
    pressed = null;
    if (begun === null || Math.hypot(event.clientX - begun.clientX, event.clientY - begun.clientY) > MOST_MOVED_PX) {
      return;
    }
    const found = session.grid.all().find(({ viewport }) => viewport.element.contains(/** @type {Node} */ (begun.target)));
    if (found !== undefined) {
      const { left, top } = found.viewport.element.getBoundingClientRect();
      session.ask(found.viewport, [...found.viewport.canvasToWorld([begun.clientX - left, begun.clientY - top])]);
    }
  }, options);
}

/**
 * For this mode only: OHIF forgets it when it is left.
 *
 * @param {import('./session.js').Session} session
 */
export function addMenu(session) {
  // a drag with the right button zooms, and a short one is a click to OHIF all the same
  const mayAsk = (/** @type {any} */ at) => !at?.nearbyToolData && !session.pressed.isDrag;
  const item = { label: word('ohif.ask'), commands: [{ commandName: COMMAND }] };
  session.services.customizationService.setCustomizations({
    measurementsContextMenu: {
      menus: { $push: [{ id: 'longitudinal', selector: mayAsk, items: [item] }] },
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
