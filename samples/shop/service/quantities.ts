/** Reads `lamp=10,clock=1`, the form in which the services are told what to start with. Throws on anything else. */
export function parseQuantities(text: string): Record<string, number> {
  const entries = text.split(',').filter((entry) => entry.trim() !== '');
  return Object.fromEntries(
    entries.map((entry) => {
      const [name = '', amount = ''] = entry.split('=').map((part) => part.trim());
      if (name === '' || !/^\d+$/.test(amount)) throw new Error(`"${entry}" is not like lamp=10`);
      return [name, Number(amount)];
    }),
  );
}
