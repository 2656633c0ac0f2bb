// @ts-check
/** A person's name (VR PN, PS3.5 6.2.1.1) as people write it. Pure. */

/**
 * The first of its writings that is there, family name first: "Doe^Jane^A" is "Doe, Jane A".
 *
 * Writings of other alphabets are kept beside it: "Yamada^Tarou=山田^太郎" is "Yamada, Tarou (山田, 太郎)".
 *
 * @param {string} name
 */
export function readableName(name) {
  const [first, ...others] = name.split('=').map(readableWriting).filter(Boolean);
  if (first === undefined) {
    return '';
  }
  const different = [...new Set(others)].filter((other) => other !== first);
  return different.length ? `${first} (${different.join(', ')})` : first;
}

/** @param {string} writing */
function readableWriting(writing) {
  const [family = '', given = '', middle = '', prefix = '', suffix = ''] = writing.split('^').map((part) => part.trim());
  const rest = [prefix, given, middle, suffix].filter(Boolean).join(' ');
  return [family, rest].filter(Boolean).join(', ');
}
