// @ts-check
/** The files behind a drop or a choice, folders walked. */

/** @typedef {import('./uploads.js').Named} Named */

/**
 * @param {DataTransfer} transfer
 * @returns {Promise<Named[]>}
 */
export async function filesOfDrop(transfer) {
  // entries must be taken before the first wait: afterwards the transfer is empty
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  if (entries.every((entry) => entry === null)) {
    return [...transfer.files].map((file) => ({ file, name: file.name }));
  }
  /** @type {Named[]} */
  const found = [];
  for (const entry of entries) {
    if (entry) {
      await walk(entry, found);
    }
  }
  return found;
}

/** @param {FileList | null} files of an <input> */
export function filesOfInput(files) {
  return [...files ?? []].map((file) => ({ file, name: file.webkitRelativePath || file.name }));
}

/**
 * @param {FileSystemEntry} entry
 * @param {Named[]} found
 */
async function walk(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => /** @type {any} */ (entry).file(resolve, reject));
    found.push({ file, name: entry.fullPath.replace(/^\//, '') });
    return;
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  for (;;) { // a reader gives a hundred at a time
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) {
      return;
    }
    for (const each of some) {
      await walk(each, found);
    }
  }
}
