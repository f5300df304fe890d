import Testing

@testable import BatchNormReference

@Suite(.timeLimit(.minutes(30))) struct NodeNameTests {
  @Test(arguments: NodeName.allCases)
  func inputsAreComputedBefore(name: NodeName) throws {
    let position = try #require(NodeName.allCases.firstIndex(of: name))
    for input in name.inputs {
      #expect(NodeName.allCases[..<position].contains(input), "\(name) needs \(input)")
    }
    #expect(name.inputs.isEmpty == (name.definition.phase == .input))
  }

  @Test(arguments: NodeName.allCases)
  func definitionIsComplete(name: NodeName) {
    #expect(!name.formula.isEmpty)
    #expect((0...9).contains(name.step))
    #expect(name.latex.count { $0 == "{" } == name.latex.count { $0 == "}" })
    #expect(name.latex.contains("=") == (name.definition.phase != .input))
    // Every input is named in the plain formula.
    for input in name.inputs {
      #expect(name.formula.contains(input.rawValue))
    }
  }

  /// In the plain formula a node is called as its dataset is, in LaTeX by its sign: one name each, wherever it occurs.
  @Test(arguments: NodeName.allCases)
  func notationIsOne(name: NodeName) throws {
    guard name.definition.phase != .input else { return }
    // The last side, where a formula has two, is what is computed.
    let sides = name.formula.split(separator: " = ").map(String.init)
    let words = try #require(sides.last).matches(of: /[A-Za-z][A-Za-z0-9]*/).map { String($0.output) }
    #expect(Set(words).subtracting(["m", "or", "where"]).isSubset(of: Set(name.inputs.map(\.rawValue))))
    for word in name.formula.matches(of: /[A-Za-z][A-Za-z0-9]*/) {
      #expect(NodeName(rawValue: String(word.output)) != nil || ["m", "or", "where"].contains(word.output))
    }
    let right = String(name.latex.dropFirst(name.sign.count))
    #expect(right.hasPrefix(" = "))
    var rest = right
    for sign in name.inputs.map(\.sign).sorted(by: { $0.count > $1.count }) {
      #expect(rest.contains(sign), "\(name) does not name \(sign)")
      rest = rest.replacing(sign, with: " ")
    }
    // Nothing else has a letter but m, the index, and what TeX sets fractions, sums, roots and brackets with.
    let others = rest.replacing(/\\(frac|sum_i|sqrt|left|right)/, with: " ").filter(\.isLetter)
    #expect(others.allSatisfy { $0 == "m" }, "\(name): \(rest)")
  }

  /// A node of the backward pass is the loss's derivative by the sign of its forward partner.
  @Test(arguments: NodeName.allCases.filter { $0.definition.phase == .backward })
  func gradientsHaveTheSignsOfTheirPartners(name: NodeName) throws {
    let partner = try #require(
      NodeName(rawValue: String(name.rawValue.dropFirst().prefix { !$0.isNumber })))
    let derivative = #"\frac{\partial L}{\partial \#(partner.sign)}"#
    let part = name.rawValue.last.flatMap(\.wholeNumberValue)
    #expect(name.sign == part.map { #"\left.\#(derivative)\right|_\#($0)"# } ?? derivative)
  }

  @Test func signsDiffer() {
    #expect(Set(NodeName.allCases.map(\.sign)).count == NodeName.allCases.count)
  }

  @Test func stepsGoUpForwardAndDownBackward() {
    let forward = NodeName.allCases.filter { $0.definition.phase == .forward }.map(\.step)
    let backward = NodeName.allCases.filter { $0.definition.phase == .backward }.map(\.step)
    #expect(forward == Array(1...9))
    #expect(backward == [9, 9, 8, 8, 7, 7, 6, 5, 4, 3, 2, 2, 1, 0])
  }

  @Test(arguments: NodeName.allCases)
  func valueHasTheShapeOfItsDefinition(name: NodeName) throws {
    let test = RandomCase(seed: 1, rowCount: 5, featureCount: 2)
    let value = try #require(test.trace[name])
    #expect(value.shape == name.definition.shape)
    #expect(value.values.count == [.matrix: 10, .row: 2, .scalar: 1][value.shape])
    let hasForwardValue = GraphTrace(test.inputs)[name] != nil
    #expect(hasForwardValue == (name.definition.phase != .backward && name != .dout))
  }
}
