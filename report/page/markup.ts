/** HTML that cannot be written unescaped: whatever is put into a template is text, unless it is markup already. */

export interface Markup {
  readonly markup: string;
}

type Piece = string | number | Markup | readonly Piece[] | null;

/**
 * Control and bidirectional characters are dropped, the five special ones escaped: safe as text and inside quoted
 * attributes (https://html.spec.whatwg.org/multipage/parsing.html#attribute-value-(double-quoted)-state).
 */
function escapeText(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, ' ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

export function markup(parts: TemplateStringsArray, ...pieces: readonly Piece[]): Markup {
  let text = parts[0] ?? '';
  pieces.forEach((piece, index) => {
    text += write(piece) + (parts[index + 1] ?? '');
  });
  return { markup: text };
}

export const NOTHING: Markup = { markup: '' };

function write(piece: Piece): string {
  if (piece === null) return '';
  if (typeof piece === 'string') return escapeText(piece);
  if (typeof piece === 'number') return String(piece);
  if ('markup' in piece) return piece.markup;
  return piece.map(write).join('');
}
