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
