#!/usr/bin/env bash
# Types and style of the pages' JavaScript, by TypeScript and eslint; the Node that runs them came with Playwright.
set -euo pipefail
cd "$(dirname "$0")/.."

checks=tests/javascript/node_modules
if [ ! -d "$checks" ]; then
    echo "make lint: the JavaScript was not checked: there is no npm to fetch TypeScript and eslint with (scripts/setup.sh test)" >&2
    exit 0
fi
node=$(.venv/bin/python -c 'import pathlib, playwright; print(pathlib.Path(playwright.__file__).parent / "driver" / "node")')
"$node" "$checks/typescript/bin/tsc" --project plugin/longitudinal/web
"$node" "$checks/eslint/bin/eslint.js" --config tests/javascript/eslint.config.mjs plugin/longitudinal/web plugin/longitudinal/ohif/extension tests/unit/web
"$node" "$checks/typescript/bin/tsc" --noEmit --strict --lib es2022,dom --module esnext --moduleResolution bundler examples/types/example.ts
"$node" "$checks/typescript/bin/tsc" --noEmit --strict --allowJs --checkJs --target es2022 --lib es2022,dom,dom.iterable --module esnext examples/viewer/viewer.js
