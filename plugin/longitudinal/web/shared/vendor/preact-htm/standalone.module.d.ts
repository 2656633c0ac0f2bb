// Ours, for `tsc` alone: what the pages use of the module beside it.
type Setter<T> = (value: T | ((previous: T) => T)) => void;
export const html: (strings: TemplateStringsArray, ...values: any[]) => any;
export const h: (...values: any[]) => any;
export const render: (tree: any, parent: Element) => void;
export class Component<P = any, S = any> {
  constructor(props?: P);
  props: P;
  state: S;
  setState(state: Partial<S>): void;
  forceUpdate(): void;
}
export const createContext: <T>(value: T) => any;
export const useState: <T>(initial: T | (() => T)) => [T, Setter<T>];
export const useReducer: <S, A>(reducer: (state: S, action: A) => S, initial: S) => [S, (action: A) => void];
export const useEffect: (effect: () => void | (() => void), inputs?: readonly unknown[]) => void;
export const useLayoutEffect: (effect: () => void | (() => void), inputs?: readonly unknown[]) => void;
export const useRef: <T>(initial: T) => { current: T };
export const useMemo: <T>(make: () => T, inputs?: readonly unknown[]) => T;
export const useCallback: <T>(callback: T, inputs: readonly unknown[]) => T;
export const useContext: (context: any) => any;
