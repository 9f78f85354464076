/**
 * A table of facts. Where there is little room each row becomes a list; its roles say that it is a table all the same.
 * @module
 */
import { html, nothing } from '../lit-html/lit-html.js';
import { repeat } from '../lit-html/directives/repeat.js';

/**
 * @template T
 * @typedef {{title: string, cell: (row: T) => unknown, isNumber?: boolean}} TableColumn
 */

/**
 * @template T
 * @param {object} props
 * @param {string} props.label What the table is about.
 * @param {TableColumn<T>[]} props.columns
 * @param {readonly T[]} props.rows
 * @param {(row: T) => unknown} props.key What tells rows apart.
 * @param {string} props.testid Of each row.
 */
export function table({ label, columns, rows, key, testid }) {
  const kind = (/** @type {TableColumn<T>} */ column) => (column.isNumber ? 'is-number' : nothing);
  return html`<table class="list" role="table" aria-label=${label}>
    <thead role="rowgroup"><tr role="row">${columns.map((one) => html`<th role="columnheader" scope="col" class=${kind(one)}>${one.title}</th>`)}</tr></thead>
    <tbody role="rowgroup">${repeat(rows, key, (row) => html`<tr role="row" data-testid=${testid}>${columns.map((one) => html`<td role="cell" class=${kind(one)} data-label=${one.title}><div>${one.cell(row)}</div></td>`)}</tr>`)}</tbody>
  </table>`;
}
