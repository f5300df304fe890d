import Configuration
import Foundation
import StrictJSON
import Testing

@testable import bn_stream

@Suite("Configuration files", .timeLimit(.minutes(30)))
struct ConfigurationFileTests {
  /// Runs `body` with the path of a temporary file of these bytes.
  private func withFile(_ bytes: [UInt8], _ body: (String) throws -> Void) throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent(
      "bn-stream-\(UUID().uuidString).json")
    try Data(bytes).write(to: url)
    defer { try? FileManager.default.removeItem(at: url) }
    try body(url.path)
  }

  private func refusal(file path: String) -> String? {
    do {
      _ = try JobConfiguration(jsonFile: path)
      return nil
    } catch {
      return error.description
    }
  }

  @Test("reads a file")
  func reading() throws {
    try withFile(Array(#"{"epsilon": 0.5}"#.utf8)) { path in
      let configuration = try JobConfiguration(jsonFile: path)
      #expect(configuration.epsilon?.value == 0.5)
    }
  }

  @Test("names the file in errors")
  func fileName() throws {
    try withFile(Array("{\n]".utf8)) { path in
      #expect(refusal(file: path) == #"\#(path):2:1: found "]" where a key in double quotes was expected"#)
    }
    try withFile([]) { path in
      #expect(refusal(file: path) == "\(path):1:1: the document is empty; write at least {}")
    }
  }

  @Test("says why a file cannot be read")
  func unreadable() {
    #expect(
      refusal(file: "/no/such.json")
        == #"cannot read the configuration "/no/such.json" (--config): there is no such file; check the path"#
    )
    #expect(
      refusal(file: "/dev/null/bn.json")
        == #"cannot read the configuration "/dev/null/bn.json" (--config): there is no such file; check the path"#
    )
    #expect(
      refusal(file: "/tmp")
        == #"cannot read the configuration "/tmp" (--config): it is a folder; name a JSON file in it"#)
    #expect(
      ConfigurationError.file(path: "a.json", .noPermission).description
        == #"cannot read the configuration "a.json" (--config): permission denied; make the file readable"#)
  }

  @Test("a list of files is in its order, names at least one, and each of them")
  func fileLists() throws {
    try withFile(Array(#"["b.h5", "a.h5", "é.h5"]"#.utf8)) { path in
      let names = try FileList(jsonFile: path).names
      #expect(names == ["b.h5", "a.h5", "é.h5"])
    }
    try withFile(Array("[]".utf8)) { path in
      let place = SourcePosition(source: path, line: 1, column: 1)
      #expect(
        throws: ConfigurationError.invalidValue(path: "", found: "[]", allowed: .fileNames, at: place)
      ) { try FileList(jsonFile: path) }
    }
    try withFile(Array("[\"a.h5\",\n \"\"]".utf8)) { path in
      let place = SourcePosition(source: path, line: 2, column: 2)
      #expect(
        throws: ConfigurationError.invalidValue(path: "[1]", found: #""""#, allowed: .fileName, at: place)
      ) { try FileList(jsonFile: path) }
    }
  }

  #if os(Linux)
    @Test("a file that cannot be read to its end is an error, and an endless one ends")
    func devices() {
      #expect(
        refusal(file: "/proc/self/mem")
          == #"cannot read the configuration "/proc/self/mem" (--config): "#
          + "reading it failed; check the disk, or copy the file elsewhere")
      #expect(
        refusal(file: "/dev/zero")
          == #"cannot read the configuration "/dev/zero" (--config): it is larger than 1 MiB, "#
          + "too large to be a configuration; check the path")
    }
  #endif

  @Test("reads up to 1 MiB")
  func size() throws {
    let space = [UInt8](repeating: UInt8(ascii: " "), count: JobConfiguration.largestFile - 2)
    let largest = Array("{}".utf8) + space
    try withFile(largest) { path in #expect(refusal(file: path) == nil) }
    try withFile(largest + [0x20]) { path in
      #expect(throws: ConfigurationError.file(path: path, .tooLarge(limit: 1 << 20))) {
        try JobConfiguration(jsonFile: path)
      }
    }
  }
}
