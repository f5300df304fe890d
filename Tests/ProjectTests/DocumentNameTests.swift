import Foundation
import TestSupport
import Testing

@testable import bn_stream

@Suite("What documents name exists", .timeLimit(.minutes(30)))
struct DocumentNameTests {
  /// Names of other programs and libraries, and examples.
  static let foreign: Set<String> = [
    // A product of swift-system, and a generic parameter.
    "SystemPackage", "Compiled",
    // Of Swift's tools and libraries
    "ArgumentParser", "Atomic", "Encodable", "Logging", "Mustache", "Mutex", "Sendable",
    // Of PyTorch, timm, Keras and ONNX
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm", "BatchNormAct2d", "BatchNormalization",
    // Of MATLAB, and a name in another case than the right one
    "TrainedMean", "TrainedVariance", "Gamma",
    // Of hdf5plugin
    "Zstd", "LZ4", "Blosc", "Blosc2",
    // Of an unfinished output, and of an archive of arrays
    "job.json", "index.json",
    // In the example of a new option
    "--clip",
    // Of Slurm's sbatch
    "--array",
  ]

  @Test("files and folders", arguments: Project.documents)
  func paths(_ document: ProjectFile) throws {
    let markdown = try Markdown(document.text)
    for span in markdown.spans {
      for word in span.split(separator: " ").map(String.init) where Self.isPath(word) {
        #expect(Self.exists(word, from: document), "\(document.path) names \(word)")
      }
    }
    for link in markdown.links {
      let path = URL(fileURLWithPath: "/\(document.path)").deletingLastPathComponent()
        .appending(path: link).standardized.path.dropFirst()
      #expect(Project.has(String(path)), "\(document.path) leads to \(link)")
    }
  }

  @Test("types, and what belongs to them", arguments: Project.documents)
  func types(_ document: ProjectFile) throws {
    for span in try Markdown(document.text).spans {
      guard
        let match = span.wholeMatch(of: #/([A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*)(?:\.([a-z]\w*)(\(.*\))?)?/#),
        !Self.foreign.contains(String(match.1)), !Self.foreign.contains(span), !Self.isCFunction(span),
        !Self.isPath(span), !Self.exists(span, from: document)
      else { continue }
      let type = String(match.1)
      let isDeclared = Declarations.all.types.contains(type)
      #expect(isDeclared, "\(document.path) names \(type)")
      if let member = match.2.map(String.init), isDeclared {
        let hasMember = Declarations.all.names.contains(member)
        #expect(hasMember, "\(document.path) names \(span)")
      }
    }
  }

  @Test("types in diagrams", arguments: Project.documents)
  func diagrams(_ document: ProjectFile) throws {
    for line in try Markdown(document.text).codeLines where line.contains(#/[►▼│└]/#) {
      for match in line.matches(of: #/\b[A-Z][a-z]+[A-Z]\w*/#) {
        let name = String(match.0)
        let isDeclared = Declarations.all.types.contains(name)
        #expect(isDeclared, "\(document.path) draws \(name)")
      }
    }
  }

  @Test("options", arguments: Project.documents)
  func options(_ document: ProjectFile) throws {
    let markdown = try Markdown(document.text)
    let calls = markdown.codeLines.filter { $0.contains(#/(^|\s)bn-stream /#) && !$0.contains("swift ") }
    for text in markdown.spans + calls {
      let command = text.drop { $0 == " " || $0 == "$" }
      let first = command.prefix { $0 != " " }
      // Of other programs only the project's own scripts are looked at.
      let known: (String) throws -> Bool
      if first.hasPrefix("--") || first == "bn-stream" || calls.contains(text) {
        known = { option in
          try CommandDescription.program.options.contains(option)
            || Project.pythonCommands.contains { try $0.text.contains("\"\(option)\"") }
        }
      } else if first.hasPrefix("tools/"), Project.paths.contains(String(first)) {
        let script = try ProjectFile(path: String(first)).text
        known = { script.contains($0) || $0 == "--help" }
      } else {
        continue
      }
      // What follows a bar or a semicolon in a line of a shell belongs to another program.
      let own = calls.contains(text) ? command.prefix { $0 != "|" || $0 == ";" } : command
      for option in own.matches(of: #/(?:^|[\s(\[])(--[a-z][a-z0-9-]*)/#).map({ String($0.1) }) {
        #expect(
          try Self.foreign.contains(option) || known(option), "\(document.path) names \(option)")
      }
    }
  }

  /// A file by its ending, a folder of the project by its first name, or a folder or file of a target. Names of datasets,
  /// which have slashes too, begin with a small letter.
  static func isPath(_ word: String) -> Bool {
    guard word.wholeMatch(of: #/[A-Za-z0-9_.+*-]+(/[A-Za-z0-9_.+*-]+)*/?/#) != nil else { return false }
    if foreign.contains(word) { return false }
    if word.contains(#/\.(swift|md|py|json|c|h)$/#) { return true }
    guard let slash = word.firstIndex(of: "/") else { return false }
    let first = word[..<slash]
    return ["Sources", "Tests", "tools", "docs", "configs", ".ci"].contains(first)
      || first.first?.isUppercase == true
  }

  /// From the project's folder, the document's, `Sources`, or for a single name anywhere.
  static func exists(_ path: String, from document: ProjectFile) -> Bool {
    let folder = document.path.contains("/") ? document.path.prefix { $0 != "/" } + "/" : ""
    let own = document.path.dropLast(document.name.count)
    let isSingle = !path.contains("/")
    return Project.has(path) || Project.has(own + path) || Project.has(folder + path)
      || Project.has("Sources/" + path)
      || isSingle && Project.paths.contains { $0.hasSuffix("/" + path) }
      // A path inside a target, as `Loops/ColumnLoop.swift`.
      || !isSingle && Project.paths.contains { $0.hasPrefix("Sources/") && $0.hasSuffix("/" + path) }
  }

  /// Of HDF5 and of other C libraries.
  static func isCFunction(_ span: String) -> Bool { span.contains(#/^H5[A-Z]/#) }
}

/// What the project's Swift declares, and which classes its Python has.
struct Declarations: Sendable {
  /// Types, targets and cases that begin with a capital letter.
  let types: Set<String>
  /// Functions, properties and cases.
  let names: Set<String>

  static let all: Declarations = {
    var types = Set(
      Project.paths.compactMap { path in
        let parts = path.split(separator: "/")
        return parts.count > 1 && ["Sources", "Tests"].contains(parts[0]) ? String(parts[1]) : nil
      })
    var names: Set<String> = []
    for file in Project.swift + Project.files(in: "tools/", endingWith: ".swift") {
      let tokens = file.tokens
      types.formUnion(
        tokens.words(after: ["struct", "class", "enum", "protocol", "actor", "typealias", "associatedtype"]))
      names.formUnion(tokens.words(after: ["func", "var", "let"]))
      names.formUnion(tokens.names(after: "case"))
    }
    for file in Project.files(in: "tools/", endingWith: ".py") {
      types.formUnion(((try? file.text) ?? "").matches(of: #/(?:^|\n)class (\w+)/#).map { String($0.1) })
    }
    return Declarations(types: types, names: names)
  }()
}
