import Foundation
import Jobs
import Parallel
import SystemPackage
import TestSupport
import Testing

@testable import LayerFiles

/// Where an output may lie and what its unfinished folder is called, whatever its name is.
@Suite(.timeLimit(.minutes(30))) struct OutputFileTests {
  /// The root is a folder like others, into which not everybody may write.
  @Test func mayLieAtTheRoot() {
    let path = "/\(UUID().uuidString).h5"
    do {
      try OutputFile.check(path: path, inputs: [], replaces: false)
    } catch StreamError.outputNotCreated(let refused, _) {
      #expect(refused == path)
    } catch {
      Issue.record("\(error)")
    }
  }

  /// Two names of one file, whether it is there or not, and of two.
  @Test func namesOfOneFile() throws {
    let folder = try TemporaryFolder()
    for name in ["there", "other"] { try Data().write(to: folder.url.appending(path: name)) }
    try FileManager.default.createDirectory(
      at: folder.url.appending(path: "folder"), withIntermediateDirectories: false)
    for (link, target) in [("link", "there"), ("dangling", "new"), ("door", "folder")] {
      try FileManager.default.createSymbolicLink(atPath: folder.path(link), withDestinationPath: target)
    }
    try FileManager.default.linkItem(atPath: folder.path("there"), toPath: folder.path("twin"))
    for (first, second, isOne) in [
      ("there", "./there", true), ("there", "link", true), ("there", "twin", true),
      ("there", "folder/../there", true), ("there", "other", false), ("there", "new", false),
      ("new", "./new", true), ("new", "folder/..//new", true), ("new", "newer", false),
      ("new", "folder/new", false), ("folder/new", "door/new", true), ("nowhere/new", "./nowhere/new", false),
    ] {
      #expect(OutputFile.areOne(folder.path(first), folder.path(second)) == isOne, "\(first), \(second)")
      #expect(OutputFile.areOne(folder.path(second), folder.path(first)) == isOne, "\(second), \(first)")
    }
  }

  /// Names that are too long for what is added to them, and alike up to the end.
  @Test(arguments: [String(repeating: "n", count: 253), String(repeating: "€", count: 84)])
  func longNamesHaveFoldersOfTheirOwn(beginning: String) {
    let names = ["-a", "-b", "-c"].map { "/some/folder/" + beginning + $0 }
    let folders = names.map { Workspace.folder(for: $0) }
    #expect(Set(folders).count == 3)
    for folder in folders {
      #expect(folder.hasPrefix("/some/folder/") && folder.hasSuffix(".partial"))
      #expect(folder.utf8.count <= 13 + 255)
    }
    // The same for the same name, which a later run looks for.
    #expect(names.map { Workspace.folder(for: $0) } == folders)
  }

  /// Where a file system has no hard links, and does not say either whether the output's name is free, nothing is replaced.
  @Test func aNameOfWhichNothingIsKnownIsTaken() throws {
    let job = try SmallJob()
    let isLinked = Guarded(false)
    let calls = WatchedFileCalls { call, _ in
      if call.kind == .link {
        isLinked.withLock { $0 = true }
        return .fails(.notSupported)
      }
      guard call.kind == .status, call.name == "out.h5" else { return .made }
      let wasLinked = isLinked.withLock { $0 }
      return wasLinked ? .fails(.ioError) : .made
    }
    #expect(throws: StreamError.outputExists(path: job.output)) { try job.run(calls) }
    #expect(isLinked.withLock { $0 })
    #expect(!calls.calls.contains { $0.kind == .rename && $0.newName == "out.h5" })
    #expect(try !job.left.contains("out.h5"))
  }

  /// A run that goes on later can do better only where something beside the job was in the way.
  @Test func onlyWhatMayPassIsResumable() {
    let passing: [StreamError] = [
      .readFailed(path: "in.h5", .ioError), .writeFailed(path: "out.h5", .noSpace),
      .outOfMemory(byteCount: 1), .interrupted, .suspended(workspace: "out.h5.partial"),
    ]
    for error in passing { #expect(error.isResumable, "\(error)") }
    let lasting: [StreamError] = [
      .inputTruncated(path: "in.h5", dataset: "/layer/activations"), .inputChanged(path: "in.h5"),
      .outputTakenOver(path: "out.h5"), .outputExists(path: "out.h5"),
      .nonfinite(file: "in.h5", layer: "/layer", batch: 0, feature: 0, count: 1),
    ]
    for error in lasting { #expect(!error.isResumable, "\(error)") }
  }

  /// A name that is just short enough for what is added to it stays whole; a byte more, and it is cut.
  @Test(arguments: [246, 247, 248]) func namesAreCutWhereTheyMustBe(length: Int) throws {
    let name = String(repeating: "n", count: length)
    let folder = Workspace.folder(for: "/some/folder/" + name)
    let last = String(try #require(folder.split(separator: "/").last))
    #expect(folder == "/some/folder/\(last)" && last.utf8.count <= 255)
    #expect((last == name + ".partial") == (length <= 247))
  }
}
