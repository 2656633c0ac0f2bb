// @ts-check
/** Blink: a switch, and a button that shows the other study for as long as it is held. */

import { html } from '../../web/shared/html.js';
import { useObservable } from '../../web/shared/observable.js';
import { word } from '../../web/shared/words.js';

const KEYS = [' ', 'Enter'];

/** @param {{session: import('./session.js').Session}} props */
export function BlinkButtons({ session }) {
  const blink = useObservable(session.blink);
  const hold = () => session.attempt(() => blink.hold());
  const release = () => blink.release();
  const byKey = (/** @type {() => void} */ act) => (/** @type {KeyboardEvent} */ event) => {
    if (KEYS.includes(event.key) && !event.repeat) {
      event.preventDefault();
      act();
    }
  };
  return html`<button aria-pressed=${blink.isOn ? 'true' : 'false'} disabled=${blink.isCalm} title=${word(blink.isCalm ? 'ohif.blinkCalm' : 'ohif.blink.title')}
      onClick=${() => session.attempt(() => blink.toggle())}>${word('ohif.blink')}</button>
    <button title=${word('ohif.hold.title')} onPointerDown=${hold} onPointerUp=${release} onPointerLeave=${release} onPointerCancel=${release}
      onBlur=${release} onKeyDown=${byKey(hold)} onKeyUp=${byKey(release)}>${word('ohif.hold')}</button>`;
}
