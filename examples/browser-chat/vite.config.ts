/** Serves and bundles the chat page on its own (`npx vite examples/browser-chat`); `npm run build` does the same for `dist`. */
import { fileURLToPath } from 'node:url';
import { defaultClientConditions, defineConfig } from 'vite';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  // Relative, so that a hub may serve the page from any path.
  base: './',
  resolve: { conditions: ['xstate-mesh-source', ...defaultClientConditions] },
  build: {
    target: 'es2022',
    outDir: fileURLToPath(new URL('../../dist/examples/browser-chat', import.meta.url)),
    emptyOutDir: true,
    sourcemap: true,
  },
});
