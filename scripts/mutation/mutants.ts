import { parseAst } from "rolldown/parseAst"

/** One small change of a file: the text from `start` to `end` becomes `text`. */
export interface Mutant {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** A node of the ESTree syntax tree, of which only these parts are looked at. */
interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly operator?: string
  readonly value?: unknown
  readonly left?: Node
  readonly right?: Node
  readonly test?: Node
  readonly argument?: Node | null
  readonly alternate?: Node | null
  readonly consequent?: Node
  readonly expression?: Node
}

/** What an operator becomes: the mistakes that programmers make. */
const OPERATORS: Readonly<Record<string, string>> = {
  "<": "<=",
  "<=": "<",
  ">": ">=",
  ">=": ">",
  "===": "!==",
  "!==": "===",
  "&&": "||",
  "||": "&&",
  "+": "-",
  "-": "+",
  "*": "/",
  "/": "*",
  "+=": "-=",
  "-=": "+=",
}

/** Types are no code, and imports cannot be wrong in a way that runs. */
const isPassedOver = ({ type }: Node): boolean =>
  (type.startsWith("TS") && !HOLDS_CODE.has(type)) || type === "ImportDeclaration"
const HOLDS_CODE: ReadonlySet<string> = new Set(["TSAsExpression", "TSNonNullExpression", "TSSatisfiesExpression"])

/** Every change that is tried on a file, in the order of the file. */
export function mutantsOf(code: string): Mutant[] {
  const found: Mutant[] = []
  const textOf = ({ start, end }: Node): string => code.slice(start, end)

  function replace({ start, end }: Node, text: string): void {
    found.push({ start, end, text })
  }

  function operator(node: Node & { readonly left: Node; readonly right: Node }, to: string): void {
    const at = code.indexOf(node.operator as string, node.left.end)
    found.push({ start: at, end: at + (node.operator as string).length, text: to })
  }

  function visit(node: Node): void {
    if (isPassedOver(node)) return
    const { type, left, right, test, argument } = node
    const to = OPERATORS[node.operator ?? ""]
    if (left && right && to !== undefined && !(to === "-" && isText(left, right)))
      operator({ ...node, left, right }, to)
    if (left && right && node.operator === "??") replace(node, textOf(left))
    if (type === "UpdateExpression")
      replace(
        node,
        textOf(node).replace(/\+\+|--/, (sign) => (sign === "++" ? "--" : "++")),
      )
    if (type === "UnaryExpression" && node.operator === "!" && argument) replace(node, textOf(argument))
    if (type === "Literal" && typeof node.value === "boolean") replace(node, String(!node.value))
    if (type === "Literal" && typeof node.value === "number") replace(node, String(node.value + 1))
    if (type === "IfStatement" && test) {
      replace(test, "true")
      if (!node.alternate) replace(node, ";")
    }
    if (type === "ConditionalExpression" && test) for (const text of ["true", "false"]) replace(test, text)
    if (type === "ExpressionStatement" && isEffect(node.expression)) replace(node, ";")
    for (const child of childrenOf(node)) visit(child)
  }

  for (const node of (parseAst(code, { lang: "ts" }) as unknown as { readonly body: readonly Node[] }).body) visit(node)
  return found
}

const isText = (...sides: readonly Node[]): boolean =>
  sides.some(({ type, value }) => type === "TemplateLiteral" || typeof value === "string")

/** A call or an assignment whose value is not used: without it something is not done. */
function isEffect(expression: Node | undefined): boolean {
  const inner =
    expression?.type === "AwaitExpression" || expression?.type === "UnaryExpression" ? expression.argument : expression
  return ["CallExpression", "AssignmentExpression", "ChainExpression"].includes(inner?.type ?? "")
}

function childrenOf(node: Node): Node[] {
  return Object.values(node)
    .flat()
    .filter(
      (value): value is Node => typeof value === "object" && value !== null && typeof (value as Node).type === "string",
    )
}
