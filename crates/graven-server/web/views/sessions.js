/** x @module */
export function render() { return ''; }
