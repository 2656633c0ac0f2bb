// @ts-check
/** Preact and htm under names that say what they are. htm escapes: what comes from the images is always text. */

export {
  Component, createContext, h, html, render, useCallback, useContext, useEffect, useLayoutEffect, useMemo, useReducer, useRef,
  useState,
} from './vendor/preact-htm/standalone.module.js';
