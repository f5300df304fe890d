import Foundation
import TestSupport
import Testing

/// The targets as Package.swift declares them and as docs/architecture.md draws them.
@Suite("Targets depend on each other in one direction", .timeLimit(.minutes(30)))
struct TargetTests {
  struct Target: Sendable {
    let name: String
    let dependencies: Set<String>
  }

  /// From the text of Package.swift: to ask SwiftPM would wait for the build that runs the tests.
  static let declared: [Target] = {
    let text = (try? ProjectFile(path: "Package.swift").text) ?? ""
    var targets: [Target] = []
    for match in text.matches(of: #/\.(?:target|executableTarget|systemLibrary)\(\s*name:\s*"([^"]+)"/#) {
      let body = Self.untilClosed(text[match.range.upperBound...], opening: "(", closing: ")")
      var dependencies: Set<String> = []
      if let list = body.firstRange(of: "dependencies: [") {
        let names = Self.untilClosed(body[list.upperBound...], opening: "[", closing: "]")
          .replacing(#/package:\s*"[^"]*"/#, with: "")
        dependencies = Set(names.matches(of: #/"([^"]+)"/#).map { String($0.1) })
      }
      let name = String(match.1)
      if name != "TestSupport" { targets.append(Target(name: name, dependencies: dependencies)) }
    }
    return targets
  }()

  /// What stands before the bracket that closes one which was opened before.
  private static func untilClosed(_ text: Substring, opening: Character, closing: Character) -> Substring {
    var depth = 1
    for index in text.indices {
      if text[index] == opening { depth += 1 }
      if text[index] == closing { depth -= 1 }
      if depth == 0 { return text[..<index] }
    }
    return text
  }

  /// The rows of the table in docs/architecture.md, from the top floor down.
  static let drawn: [Target] = {
    let text = (try? ProjectFile(path: "docs/architecture.md").text) ?? ""
    guard let start = text.range(of: "\n| target | uses |"),
      let end = text[start.upperBound...].range(of: "\n\n")
    else { return [] }
    return text[start.upperBound..<end.lowerBound].split(separator: "\n").dropFirst(2).map { row in
      let cells = row.split(separator: "|", omittingEmptySubsequences: false)
      func names(_ cell: Substring) -> [String] { cell.matches(of: #/`([^`]+)`/#).map { String($0.1) } }
      return Target(name: names(cells[1]).first ?? "", dependencies: Set(names(cells[2])))
    }
  }()

  @Test("the table in docs/architecture.md is Package.swift's")
  func table() {
    #expect(Self.declared.count > 15)
    #expect(Set(Self.drawn.map(\.name)) == Set(Self.declared.map(\.name)))
    for target in Self.declared {
      #expect(
        Self.drawn.first { $0.name == target.name }?.dependencies == target.dependencies,
        "\(target.name) in docs/architecture.md")
    }
  }

  @Test("a target uses only what stands below it")
  func direction() {
    for (floor, target) in Self.drawn.enumerated() {
      let above = Set(Self.drawn[...floor].map(\.name))
      #expect(target.dependencies.isDisjoint(with: above), "\(target.name)")
    }
  }

  /// SwiftPM lets a file import what its target does not declare, if something else needs it, too.
  @Test("a file imports what its target declares", arguments: Project.sources)
  func imports(_ file: ProjectFile) throws {
    let target = try #require(Self.declared.first { $0.name == file.target })
    let system: Set = [
      "Foundation", "FoundationEssentials", "Glibc", "Musl", "Darwin", "Dispatch", "Synchronization",
    ]
    let found = Set(file.tokens.words(after: ["import"])).subtracting(system)
      .subtracting(target.dependencies)
    #expect(found.isEmpty, "\(file.path) imports \(found)")
  }

  @Test("a target declares what its files import")
  func unused() {
    for target in Self.declared {
      let files = Project.sources.filter { $0.target == target.name }
      guard !files.isEmpty else { continue }
      let imported = Set(files.flatMap { $0.tokens.words(after: ["import"]) })
      #expect(target.dependencies.subtracting(imported).isEmpty, "\(target.name) declares more")
    }
  }
}
