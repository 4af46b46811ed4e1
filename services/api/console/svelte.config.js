// One place for the compiler's options: the bundler, the checker and the linter read it.
export default { compilerOptions: { runes: true } };
