import packageJson from '../package.json' with { type: 'json' };

/** Written into every recording, so that a reader knows what it was made by. */
export const SHIPPER_VERSION: string = packageJson.version;
