// What eslint recommends, for the pages' modules and their tests.
import js from '@eslint/js';
import globals from 'globals';

export default [
  { ignores: ['**/vendor/**', '**/node_modules/**'] },
  js.configs.recommended,
  // a value is named to leave it out of the rest
  { rules: { 'no-unused-vars': ['error', { ignoreRestSiblings: true }] } },
  { languageOptions: { ecmaVersion: 2024, globals: globals.browser } },
  {
    files: ['**/explorer.js'], // Orthanc calls its one function
    languageOptions: { sourceType: 'script', globals: { ...globals.browser, $: 'readonly' } },
    rules: { 'no-unused-vars': ['error', { varsIgnorePattern: '^longitudinalExplorer$' }] },
  },
  { files: ['**/*.mjs'], languageOptions: { globals: { ...globals.browser, ...globals.node } } },
];
