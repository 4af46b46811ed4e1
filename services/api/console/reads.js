// What the console reads of the API, as lines of JSON: each route that it asks, and the shape that its types give the
// answer.
//
// Taken from the calls of `ask` and `command` themselves, so a type or a route that is new is in it. A test holds it to
// the API's OpenAPI document.

import process from 'node:process';
import ts from 'typescript';

const ASKING = { ask: 'GET', command: 'POST' }; // function and its method, where none is named
const STREAMED = { Pulse: 'src/lib/types.ts' }; // schemas of the document that come as events

const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile);
const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, process.cwd());
const program = ts.createProgram(fileNames.filter((name) => !/\.test(-support)?\.ts$/.test(name)), options);
const checker = program.getTypeChecker();
const ours = program.getSourceFiles().filter((file) => file.fileName.startsWith(`${process.cwd()}/src/`));

/** `jobs/{}/detail` of a path that is written out; null of one that is passed on. */
function pathOf(node) {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node)) return node.head.text + node.templateSpans.map((span) => `{}${span.literal.text}`).join('');
  return null;
}

function methodOf(node) {
  if (node === undefined || !ts.isObjectLiteralExpression(node)) return null;
  const member = node.properties.find((one) => ts.isPropertyAssignment(one) && one.name.getText() === 'method');
  return member !== undefined && ts.isStringLiteral(member.initializer) ? member.initializer.text : null;
}

/** The T of `Promise<Answer<T>>` or `Command<T>`. */
function answered(type) {
  const [inner] = type.aliasTypeArguments ?? checker.getTypeArguments(type);
  return type.symbol?.name === 'Promise' ? answered(inner) : inner;
}

/** A type as a JSON Schema; `{}` is anything. */
function shapeOf(type) {
  if (type.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown)) return {};
  if (type.flags & ts.TypeFlags.Null) return { type: 'null' };
  if (type.flags & ts.TypeFlags.BooleanLiteral) return { type: 'boolean' };
  if (type.flags & (ts.TypeFlags.StringLiteral | ts.TypeFlags.NumberLiteral)) return { const: type.value };
  if (type.flags & ts.TypeFlags.StringLike) return { type: 'string' };
  if (type.flags & ts.TypeFlags.NumberLike) return { type: 'number' };
  if (type.isUnion()) {
    const parts = type.types.filter((part) => !(part.flags & ts.TypeFlags.Undefined)).map(shapeOf);
    const different = [...new Map(parts.map((part) => [JSON.stringify(part), part])).values()];
    return different.length === 1 ? different[0] : { anyOf: different };
  }
  if (checker.isTupleType(type)) return { type: 'array', prefixItems: checker.getTypeArguments(type).map(shapeOf) };
  if (checker.isArrayType(type)) return { type: 'array', items: shapeOf(checker.getTypeArguments(type)[0]) };
  const members = checker.getPropertiesOfType(type);
  const others = checker.getIndexInfoOfType(type, ts.IndexKind.String);
  return {
    type: 'object',
    ...(others === undefined ? {} : { additionalProperties: shapeOf(others.type) }),
    properties: Object.fromEntries(members.map((one) => [one.name, shapeOf(checker.getTypeOfSymbol(one))])),
    required: members.filter((one) => !(one.flags & ts.SymbolFlags.Optional)).map((one) => one.name),
  };
}

const routes = [];
function look(node) {
  if (ts.isCallExpression(node) && node.expression.getText() in ASKING && node.arguments.length > 1) {
    const path = pathOf(node.arguments[1]);
    const method = methodOf(node.arguments[2]) ?? ASKING[node.expression.getText()];
    if (path !== null) routes.push({ method, path, reads: shapeOf(answered(checker.getTypeAtLocation(node))) });
  }
  ts.forEachChild(node, look);
}
ours.forEach(look);

const schemas = Object.entries(STREAMED).map(([name, file]) => {
  const found = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(`${process.cwd()}/${file}`))).find((one) => one.name === name);
  return { schema: name, reads: shapeOf(checker.getDeclaredTypeOfSymbol(found)) };
});
const key = ({ method, path, reads }) => `${path} ${method} ${JSON.stringify(reads)}`;
routes.sort((a, b) => (key(a) < key(b) ? -1 : 1));
process.stdout.write([...routes, ...schemas].map((one) => `${JSON.stringify(one)}\n`).join(''));
