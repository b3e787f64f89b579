/** `npx cdk synth` and `npx cdk deploy` run this; settings come from the context (docs/operations.md). */

import { fileURLToPath } from 'node:url';
import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { bundleFunction } from './function-bundle.ts';
import { readSettings } from './settings.ts';
import { PerfScopeStack } from './stack.ts';

const app = new App();
const code = fileURLToPath(new URL('../dist/function', import.meta.url));
bundleFunction(code);
Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
const context: unknown = app.node.tryGetContext('perfscope') ?? {};
new PerfScopeStack(app, 'PerfScope', {
  settings: readSettings(typeof context === 'string' ? JSON.parse(context) : context),
  code,
});
