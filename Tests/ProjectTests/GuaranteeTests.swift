import Testing

/// docs/guarantees.md: each promise names tests. That they exist is looked at with the names of all documents.
@Suite("Every guarantee is shown by a test", .timeLimit(.minutes(30)))
struct GuaranteeTests {
  private static let rows: [String] = {
    let document = ProjectFile(path: "docs/guarantees.md")
    let lines = ((try? document.text) ?? "").split(separator: "\n").map(String.init)
    return lines.filter { $0.hasPrefix("| ") && !$0.hasPrefix("| promise") }
  }()

  @Test func thereAreRows() { #expect(Self.rows.count > 20) }

  @Test(arguments: rows) func namesATest(_ row: String) {
    let last = row.split(separator: "|").last.map(String.init) ?? ""
    let names = last.matches(of: #/`(\w+Tests)(?:\.\w+)?`/#)
    #expect(!names.isEmpty, "\(row)")
    for name in names { #expect(Declarations.all.types.contains(String(name.1)), "\(name.1)") }
  }
}
