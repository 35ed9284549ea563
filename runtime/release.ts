/** The release of all processes: the version in package.json, which is not there beside a bundle. */
export const RELEASE = '0.1.0';
