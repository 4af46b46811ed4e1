import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';
import svelteConfig from './svelte.config.js';

export default ts.config(
  { ignores: ['node_modules', 'build'] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  { languageOptions: { globals: { ...globals.browser } } },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser, svelteConfig } },
  },
  {
    rules: {
      'no-undef': 'off', // the type checker knows better
      'no-console': 'error',
      eqeqeq: ['error', 'smart'],
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'svelte/no-unused-svelte-ignore': 'off', // the checker knows which warnings there are
      'svelte/no-at-html-tags': 'error',
      // Plain Map, Set, Date and URL are meant where they are used: what must be reactive is $state.
      'svelte/prefer-svelte-reactivity': 'off',
      'svelte/no-navigation-without-resolve': 'off', // SvelteKit's
      // No text of a person or a job becomes markup, and no inline style: the page's policy forbids both.
      'no-restricted-properties': [
        'error',
        { property: 'innerHTML', message: 'the page requires Trusted Types' },
        { property: 'outerHTML', message: 'the page requires Trusted Types' },
        { property: 'insertAdjacentHTML', message: 'the page requires Trusted Types' },
      ],
    },
  },
);
