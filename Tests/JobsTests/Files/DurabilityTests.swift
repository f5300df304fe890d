import Foundation
import HDF5
import Jobs
import LayerFiles
import Parallel
import SystemPackage
import TestSupport
import Testing

/// How an output comes to its name, call by call.
@Suite(.timeLimit(.minutes(30))) struct DurabilityTests {
  typealias Call = WatchedFileCalls.Call

  private let job: SmallJob

  init() throws { job = try SmallJob() }

  /// What ends a run: all after the last write.
  private func ending(of calls: [Call]) throws -> [String] {
    let last = try #require(calls.lastIndex { $0.kind == .write })
    return calls[(last + 1)...]
      .filter { ![.beginWriteback, .status, .close].contains($0.kind) }.map(\.description)
  }

  @Test func theDeviceHasTheFileBeforeItsNameAndTheFolderAfterIt() throws {
    let calls = WatchedFileCalls()
    try job.run(calls)
    let folder = job.folder.url.lastPathComponent
    #expect(
      try ending(of: calls.calls) == [
        "synchronize \(job.partialName)", "link \(job.partialName) out.h5", "unlink \(job.partialName)",
        "unlink lock", "removeFolder \(job.workspaceName)",
        "open \(folder)", "synchronize \(folder)",
      ])
    #expect(try job.left == ["out.h5"])
  }

  @Test func aReplacedFileIsRenamedOver() throws {
    try Data("old".utf8).write(to: job.folder.url.appending(path: "out.h5"))
    var job = job
    job.replacesOutput = true
    let calls = WatchedFileCalls()
    try job.run(calls)
    let folder = job.folder.url.lastPathComponent
    #expect(
      try ending(of: calls.calls) == [
        "synchronize \(job.partialName)", "setOwnerAndMode \(job.partialName)",
        "rename \(job.partialName) out.h5", "unlink lock",
        "removeFolder \(job.workspaceName)", "open \(folder)",
        "synchronize \(folder)",
      ])
    #expect(try job.left == ["out.h5"])
    #expect(try File.isHDF5(job.output))
  }

  @Test func withoutSyncNobodyWaitsForTheDevice() throws {
    var job = job
    job.keys += #", "sync": false"#
    let calls = WatchedFileCalls()
    try job.run(calls)
    #expect(calls.calls.allSatisfy { ![.synchronize, .beginWriteback].contains($0.kind) })
    #expect(
      try ending(of: calls.calls) == [
        "link \(job.partialName) out.h5", "unlink \(job.partialName)", "unlink lock",
        "removeFolder \(job.workspaceName)",
      ])
  }

  @Test func everyWriteBeginsToReachTheDevice() throws {
    let calls = WatchedFileCalls()
    try job.run(calls)
    #expect(calls.calls.count { $0.kind == .write } > 10)
    for (index, call) in calls.calls.enumerated() where call.kind == .write {
      #expect(calls.calls[index + 1] == Call(kind: .beginWriteback, name: job.partialName))
      // What was written, and nothing else.
      #expect(call.bytes != nil && calls.calls[index + 1].bytes == call.bytes)
    }
  }

  @Test func spaceIsAskedForBeforeTheWork() throws {
    let calls = WatchedFileCalls()
    try job.run(calls)
    let allocation = try #require(calls.calls.firstIndex { $0.kind == .allocate })
    let write = try #require(calls.calls.firstIndex { $0.kind == .write })
    #expect(allocation < write && calls.calls[allocation].name == job.partialName)
    let free = try #require(calls.calls.firstIndex { $0.kind == .freeByteCount })
    let creation = try #require(calls.calls.firstIndex { $0.kind == .open && $0.name == job.partialName })
    #expect(free < creation)
  }

  /// Room is reserved for all of the output, which does not grow any more.
  @Test func roomIsReservedForTheWholeFile() throws {
    let calls = WatchedFileCalls()
    try job.run(calls)
    let size = try job.folder.bytes("out.h5").count
    let reserved = calls.calls.filter { $0.kind == .allocate }.compactMap(\.bytes)
    #expect(reserved == [0..<size])
  }

  /// Expects that a job runs where so many bytes are free, and with one byte less is refused before it begins its output.
  private func expectRoom(for job: SmallJob, _ need: Int, sourceLocation: SourceLocation = #_sourceLocation)
    throws
  {
    func calls(free: Int) -> WatchedFileCalls {
      WatchedFileCalls { call, _ in call.kind == .freeByteCount ? .free(free) : .made }
    }
    let refused = calls(free: need - 1)
    let error = #expect(throws: StreamError.self, sourceLocation: sourceLocation) { try job.run(refused) }
    guard case .notEnoughSpace(_, need, need - 1) = error else {
      Issue.record("\(String(describing: error))", sourceLocation: sourceLocation)
      return
    }
    #expect(
      refused.calls.allSatisfy { $0.name != job.partialName || $0.kind == .status },
      sourceLocation: sourceLocation)
    #expect(try job.left == [], sourceLocation: sourceLocation)
    try job.run(calls(free: need))
  }

  /// Both layers' results are float32 [20, 6] twice, and 8-byte numbers: 6 sums of gradients and statistics for each feature and five
  /// rows for each of three batches with the batches' counts.
  @Test func anOutputWithoutRoomIsNotBegun() throws {
    let need = 2 * (2 * 20 * 6 * 4 + 6 * 6 * 8 + 5 * 3 * 6 * 8 + 3 * 8)
    try expectRoom(for: job, need)
  }

  /// How large compressed results become nobody knows before: room is asked for what is not compressed.
  @Test func compressedResultsMayBeSmall() throws {
    var job = job
    job.keys += #", "output_storage": {"layout": "chunked", "gzip": 1}"#
    let need = 2 * (6 * 6 * 8 + 5 * 3 * 6 * 8 + 3 * 8)
    try expectRoom(for: job, need)
  }

  /// Chunks that nothing compresses are as large as what they hold.
  @Test func chunksAsTheyAreNeedTheirRoom() throws {
    var job = job
    job.keys += #", "output_storage": {"layout": "chunked", "fletcher32": true}"#
    let need = 2 * (2 * 20 * 6 * 4 + 6 * 6 * 8 + 5 * 3 * 6 * 8 + 3 * 8)
    try expectRoom(for: job, need)
  }

  @Test(arguments: [Errno.noSpace, .ioError])
  func withoutSpaceNothingIsWritten(number: Errno) throws {
    let calls = WatchedFileCalls { call, _ in call.kind == .allocate ? .fails(number) : .made }
    let error = #expect(throws: StreamError.self) { try job.run(calls) }
    #expect(error == .writeFailed(path: job.output, number))
    #expect(calls.calls.allSatisfy { $0.kind != .write })
    #expect(try job.left == [])
  }

  /// - Parameter number: what the file system says of links; nil if it has them.
  @Test(arguments: [nil, Errno.notPermitted, .notSupported, .noFunction])
  func aFileThatAppearsMeanwhileStays(number: Errno?) throws {
    let precious = job.folder.url.appending(path: "out.h5")
    let calls = WatchedFileCalls { call, _ in
      guard call.kind == .link else { return .made }
      try Data("precious".utf8).write(to: precious)
      return number.map { .fails($0) } ?? .made
    }
    let error = #expect(throws: StreamError.self) { try job.run(calls) }
    #expect(error == .outputExists(path: job.output))
    #expect(try job.folder.bytes("out.h5") == Data("precious".utf8))
    #expect(try job.left == ["out.h5"])
  }

  @Test(arguments: [Errno.notPermitted, .notSupported, .noFunction, .tooManyLinks])
  func withoutLinksTheFileIsRenamed(number: Errno) throws {
    let expected = try job.expectedBytes()
    let calls = WatchedFileCalls { call, _ in call.kind == .link ? .fails(number) : .made }
    try job.run(calls)
    #expect(try job.folder.bytes("out.h5") == expected)
    #expect(try job.left == ["out.h5"])
  }

  /// A second job for the same output, in the middle of the first one.
  @Test func theTemporaryFileOfALivingOwnerStays() throws {
    let expected = try job.expectedBytes()
    let found = Guarded<[String]>([])
    let calls = WatchedFileCalls { [job] call, _ in
      guard call.kind == .write, found.withLock({ $0.isEmpty }) else { return .made }
      let error = #expect(throws: StreamError.self) { try job.run() }
      #expect(
        error == .outputBusy(path: job.output, workspace: "\(job.output).partial"))
      found.withLock { $0 = (try? job.left) ?? [] }
      return .made
    }
    try job.run(calls)
    #expect(found.withLock { $0 } == [job.workspaceName])
    #expect(try job.folder.bytes("out.h5") == expected)
  }

  @Test func theTemporaryFileOfADeadOwnerIsReplaced() throws {
    let expected = try job.expectedBytes()
    let workspace = job.folder.url.appending(path: job.workspaceName)
    try FileManager.default.createDirectory(at: workspace, withIntermediateDirectories: false)
    for name in [job.partialName, "lock"] {
      try Data("left".utf8).write(to: workspace.appending(path: name))
    }
    let calls = WatchedFileCalls()
    try job.run(calls)
    #expect(try job.folder.bytes("out.h5") == expected)
    #expect(calls.calls.contains(Call(kind: .lock, name: "lock")))
    #expect(try job.left == ["out.h5"])
  }

  /// The file in the workspace is another one when it is to get its name, or just after.
  @Test(arguments: [WatchedFileCalls.Call.Kind.synchronize, .link]) func aFileOfAnotherIsNotTheOutput(
    before kind: WatchedFileCalls.Call.Kind
  ) throws {
    let data = job.folder.url.appending(path: job.workspaceName).appending(path: job.partialName)
    let calls = WatchedFileCalls { [job] call, _ in
      guard call.kind == kind, call.name == job.partialName else { return .made }
      try FileManager.default.removeItem(at: data)
      try Data("foreign".utf8).write(to: data)
      return .made
    }
    let error = #expect(throws: StreamError.self) { try job.run(calls) }
    #expect(error == .outputTakenOver(path: job.output))
    #expect(try !job.left.contains("out.h5"))
  }

  /// A name that another file had is not this run's to take back.
  @Test func aReplacedNameStays() throws {
    try Data("old".utf8).write(to: job.folder.url.appending(path: "out.h5"))
    var job = job
    job.replacesOutput = true
    let data = job.folder.url.appending(path: job.workspaceName).appending(path: job.partialName)
    let calls = WatchedFileCalls { [job] call, _ in
      guard call.kind == .rename, call.name == job.partialName else { return .made }
      try FileManager.default.removeItem(at: data)
      try Data("foreign".utf8).write(to: data)
      return .made
    }
    let error = #expect(throws: StreamError.self) { try job.run(calls) }
    #expect(error == .outputTakenOver(path: job.output))
    #expect(try job.folder.bytes("out.h5") == Data("foreign".utf8))
  }

  @Test(arguments: [0.0, 1])
  func anInputThatChangesMeanwhileGivesNoOutput(seconds: Double) throws {
    let input = job.input
    let isFirst = Guarded(true)
    let calls = WatchedFileCalls { call, _ in
      let now = isFirst.withLock { isFirst in
        defer { if call.kind == .write { isFirst = false } }
        return isFirst && call.kind == .write
      }
      guard now else { return .made }
      if seconds > 0 {
        // Its contents, which may have any time.
        try FileManager.default.setAttributes(
          [.modificationDate: Date(timeIntervalSince1970: seconds)], ofItemAtPath: input)
      } else {
        // Another file of the same name, size and time.
        let attributes = try FileManager.default.attributesOfItem(atPath: input)
        let bytes = try Data(contentsOf: URL(fileURLWithPath: input))
        try FileManager.default.removeItem(atPath: input)
        try bytes.write(to: URL(fileURLWithPath: input))
        try FileManager.default.setAttributes(
          [.modificationDate: attributes[.modificationDate] as Any], ofItemAtPath: input)
      }
      return .made
    }
    let error = #expect(throws: StreamError.self) { try job.run(calls) }
    #expect(error == .inputChanged(path: job.input))
    #expect(try job.left == [])
  }

  @Test(arguments: [1, 3, 7, 100])
  func callsThatTakeLessThanTheyAreGiven(count: Int) throws {
    let expected = try job.expectedBytes()
    let calls = WatchedFileCalls { call, _ in [.read, .write].contains(call.kind) ? .short(count) : .made }
    try job.run(calls)
    #expect(try job.folder.bytes("out.h5") == expected)
    #expect(calls.calls.count { $0.kind == .write } > 1920 / count)
  }
}
