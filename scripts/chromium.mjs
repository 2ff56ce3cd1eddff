/** Where the browser of the tests is: the system's Chromium or Chrome, as the project downloads none of its own. */
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome', 'microsoft-edge']

/** Paths where installers put it outside PATH. @returns {string[]} */
function usualPaths() {
  const { LOCALAPPDATA, PROGRAMFILES, 'PROGRAMFILES(X86)': PROGRAMFILES_X86, HOME } = process.env
  if (process.platform === 'darwin') {
    return ['Google Chrome', 'Chromium', 'Microsoft Edge'].flatMap((name) =>
      ['', HOME ?? ''].map((home) => `${home}/Applications/${name}.app/Contents/MacOS/${name}`),
    )
  }
  if (process.platform === 'win32') {
    return [PROGRAMFILES, PROGRAMFILES_X86, LOCALAPPDATA].flatMap((folder) =>
      folder === undefined
        ? []
        : ['Google/Chrome', 'Chromium', 'Microsoft/Edge'].map((name) =>
            join(folder, name, 'Application', name.endsWith('Edge') ? 'msedge.exe' : 'chrome.exe'),
          ),
    )
  }
  return ['/snap/bin/chromium']
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/**
 * Finds Chromium, Chrome or Edge: the variable SYNCLINE_CHROMIUM first, then PATH, then the usual places.
 * @returns {string | null} the path of the executable
 */
export function findChromium() {
  const chosen = process.env.SYNCLINE_CHROMIUM
  if (chosen !== undefined && chosen !== '') return existsSync(chosen) ? chosen : null
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  const extension = process.platform === 'win32' ? '.exe' : ''
  const onPath = names.flatMap((name) => folders.map((folder) => join(folder, name + extension)))
  return [...onPath, ...usualPaths()].find(isExecutable) ?? null
}
