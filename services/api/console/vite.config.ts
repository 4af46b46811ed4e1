/// <reference types="vitest/config" />
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// The API of an installation, for `npm run dev` alone; what is built asks the origin it came from.
const api = process.env['WATERCLOCK_URL'] ?? 'http://localhost:8080';

export default defineConfig({
  // Relative: the console works under any path prefix. The server writes <base> by the depth of the path.
  base: './',
  plugins: [svelte()],
  build: {
    outDir: process.env['CONSOLE_OUT'] ?? '../src/waterclock_api/assets/console',
    emptyOutDir: true,
    target: ['chrome123', 'firefox128', 'safari17.5'], // Baseline 2024
    cssCodeSplit: false, // one sheet: a screen that loads late must not change the look of another
    modulePreload: false, // its helper writes elements for what is loaded in one step anyway
    assetsInlineLimit: 0,
    sourcemap: false,
    reportCompressedSize: true,
    rolldownOptions: {
      output: {
        entryFileNames: 'app.js',
        chunkFileNames: '[name].js',
        assetFileNames: 'app.[ext]',
        // All that screens share is one file: a first screen is six, whichever it is.
        codeSplitting: {
          groups: [{ name: 'shared', test: /node_modules|\/src\/(lib|state|ui|messages\/common)/ }],
        },
      },
    },
  },
  server: { proxy: { '/v1': api, '/schema': api } },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
