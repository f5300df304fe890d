import Foundation
import Jobs
import LayerFiles
import Parallel
import SystemPackage
import TestSupport
import Testing

/// Whatever ends a run, the same command again gives the very bytes of a run that nothing disturbed.
@Suite(.timeLimit(.minutes(30))) struct ResumeTests {
  static let keys = [
    #""batch_size": 8"#, #""batch_size": 8, "sync": false"#,
    #""batch_size": "all", "outputs": ["output", "normalized", "grad_input", "batches", "population", "running"]"#,
    #""batch_size": "all", "sync": false"#,
    // Chunks end within batches, and hold samples of several.
    #""batch_size": 8, "output_storage": {"layout": "chunked", "gzip": 1, "shuffle": true, "chunk_samples": 3}"#,
    #""batch_size": 2, "sync": false, "output_storage": {"layout": "chunked", "fletcher32": true, "chunk_samples": 7}"#,
    #""batch_size": "all", "sync": false, "output_storage": {"layout": "chunked", "gzip": 6, "chunk_samples": 4}"#,
    #""batch_size": 8, "sync": false, "output_storage": {"layout": "chunked", "zstd": 3, "bitshuffle": true, "chunk_samples": 5}"#,
    #""batch_size": "all", "sync": false, "output_storage": {"layout": "chunked", "lz4": true, "shuffle": true, "chunk_samples": 4}"#,
    #""batch_size": 8, "sync": false, "outputs": ["output", "grad_input", "batches", "diagnostics"], "quantiles": [25, 50]"#,
    #""batch_size": "all", "sync": false, "outputs": ["grad_input", "diagnostics"], "output_storage": {"layout": "chunked", "chunk_samples": 4}"#,
  ]

  /// The machine stops before each call in turn; what was not handed to the device is there, lost, or there in part.
  @Test(arguments: keys, LosingFileCalls.Loss.allCases)
  func afterEveryCall(keys: String, loss: LosingFileCalls.Loss) throws {
    let job = try SmallJob.recording(keys)
    let expected = try job.expectedBytes()
    let counting = LosingFileCalls()
    try counting.watch { _ = try job.runHere() }
    try FileManager.default.removeItem(atPath: job.output)
    #expect(counting.count > 60)
    let isSafe = loss == .nothing || !keys.contains("sync")
    var starts = 0
    // Two of the jobs stop more often, the others before some of the same kinds.
    let isThorough = keys == Self.keys[0] || keys == Self.keys[4]
    let places = Walk.places(
      of: counting.count, step: isThorough ? 5 : 12, wholeStep: isThorough ? 2 : 4, offset: loss.number)
    for number in places {
      let what = "\(loss) before call \(number)"
      let calls = LosingFileCalls(after: number, loss)
      // A call whose failure changes nothing may be the last.
      let isDone = (try? calls.watch { try job.runHere() }) != nil
      let isNamed = FileManager.default.fileExists(atPath: job.output)
      if !isDone, !isNamed {
        starts += 1
        try job.run()
      }
      // Without `sync` a file can have its name before the device has its data.
      if !isNamed || isSafe { #expect(try job.folder.bytes("out.h5") == expected, "\(what)") }
      if isNamed {
        // What is left of a run that died after its output had its name the next run takes away.
        try FileManager.default.removeItem(atPath: job.output)
        try job.run()
        #expect(try job.folder.bytes("out.h5") == expected, "\(what)")
      }
      #expect(try job.left == ["out.h5"], "\(what)")
      try FileManager.default.removeItem(atPath: job.output)
    }
    #expect(starts > places.count / 2)
    if isSafe {
      #expect(job.continued.count > places.count / 4)
      #expect(job.continued.contains { $0.share > 0.5 })
    }
    if loss == .nothing { #expect(!job.continued.contains { !$0.damaged.isEmpty }) }
  }

  /// Interrupted again and again, each time a little later, with other numbers of threads.
  @Test(arguments: keys.orEachThirdForRaces) func againAndAgain(keys: String) throws {
    var job = try SmallJob.recording(keys)
    let expected = try job.expectedBytes()
    let all = Guarded(0)
    try job.run(outputWrites(job) { all.withLock { $0 += 1 } })
    try FileManager.default.removeItem(atPath: job.output)
    // Chunks that are kept are written again by each run: what it may write grows until it is all.
    let step = max(0.5, Double(all.withLock { $0 }) / 80)
    var runs = 0
    while !FileManager.default.fileExists(atPath: job.output) {
      runs += 1
      try #require(runs < 200)
      job.threads = runs % 3 + 1
      let written = Guarded(0)
      let limit = 1 + Int(Double(runs) * step)
      let cancellation = Cancellation()
      let calls = outputWrites(job) {
        let count = written.withLock {
          $0 += 1
          return $0
        }
        if count == limit { cancellation.request() }
      }
      do {
        try job.run(calls, cancellation: cancellation)
      } catch let error as StreamError {
        #expect(
          error == .interrupted || error == .suspended(workspace: job.output + ".partial"), "\(error)")
      }
    }
    #expect(runs > 3)
    #expect(try job.folder.bytes("out.h5") == expected)
    #expect(try job.left == ["out.h5"])
  }

  /// Calls `act` before each write to the output that is not complete.
  private func outputWrites(_ job: SmallJob, _ act: @escaping @Sendable () -> Void) -> WatchedFileCalls {
    let name = job.partialName
    return WatchedFileCalls { call, _ in
      if call.kind == .write, call.name == name { act() }
      return .made
    }
  }

  /// Within a batch of many segments, in both passes, with chunks that end in the middle of one, and with other numbers of threads.
  @Test(arguments: [#""layout": "contiguous""#, #""layout": "chunked", "chunk_samples": 700, "gzip": 1"#])
  func withinALargeBatch(storage: String) throws {
    var job = try SmallJob(samples: 400_000)
    let keys = #""batch_size": "all", "sync": false, "output_storage": {\#(storage)}"#
    /// Of four segments all stay in memory between the passes, or few do of fifty.
    func divide(threads: Int) {
      job.threads = threads
      job.keys = keys + (threads == 1 ? "" : #", "memory": "18MiB""#)
    }
    divide(threads: 1)
    job.recordInterval = .zero
    let expected = try job.expectedBytes()
    for threads in [1, 2] {
      divide(threads: threads)
      let all = try calls(of: job)
      #expect(all > 60)
      for number in stride(from: 1, to: all, by: all / 8) {
        divide(threads: threads)
        // The last ones come when nothing is left to stop.
        guard try interrupted(job, atCall: number) else {
          #expect(number > all / 2)
          try FileManager.default.removeItem(atPath: job.output)
          continue
        }
        divide(threads: 3 - threads)
        try job.run()
        #expect(try job.folder.bytes("out.h5") == expected, "\(threads) threads, call \(number)")
        try FileManager.default.removeItem(atPath: job.output)
      }
    }
    let shares = job.continued.map(\.share)
    #expect(shares.contains { $0 > 0.1 && $0 < 0.4 } && shares.contains { $0 > 0.6 && $0 < 0.95 })
  }

  /// Stopped within one of several large batches, and again at the first record of the next run, which has written again what an earlier
  /// batch had in a chunk that was not full.
  @Test(
    arguments: [#""layout": "contiguous""#, #""layout": "chunked", "chunk_samples": 700, "gzip": 1"#],
    [5, 15, 24, 35, 45])
  func withinLargeBatches(storage: String, record: Int) throws {
    var job = try SmallJob.recording(
      #""batch_size": 150000, "sync": false, "layers": ["first"], "memory": "17MiB", "output_storage": {\#(storage)}"#,
      samples: 400_000)
    guard case .segments(let length, _)? = try job.plan().schedules.first?.division else {
      Issue.record("a batch is not divided")
      return
    }
    // So that there are as many records: two for each segment.
    try #require(length <= 16_384, "\(length)")
    let expected = try job.expectedBytes()
    try job.stop(atRecord: record)
    try job.stop(atRecord: 1)
    job.threads = 2
    try job.run()
    #expect(try job.folder.bytes("out.h5") == expected)
    #expect(job.continued.count == 2 && job.continued[0].share <= job.continued[1].share)
  }

  /// What is gathered for diagnostics no record holds: of such a batch nothing is written down before its end, so that it begins anew.
  @Test(arguments: [1, 2]) func withinALargeBatchThatIsDiagnosed(threads: Int) throws {
    // More than 4 MiB of a batch are cut into segments.
    var job = try SmallJob.recording(
      #""batch_size": "all", "sync": false, "outputs": ["grad_input", "diagnostics"]"#, samples: 200_000)
    job.threads = threads
    let expected = try job.expectedBytes()
    let all = try calls(of: job)
    try #require(all > 30)
    for number in stride(from: 1, to: all, by: all / 6) {
      job.threads = threads
      if try interrupted(job, atCall: number) {
        job.threads = 3 - threads
        try job.run()
        #expect(try job.folder.bytes("out.h5") == expected, "\(threads) threads, call \(number)")
      }
      try FileManager.default.removeItem(atPath: job.output)
    }
    // The first layer was finished, and the second was not.
    #expect(job.continued.contains { $0.share > 0.4 && $0.share < 0.6 })
  }

  /// What is written of chunks that are read whole is more than 1 MiB at once, and found as it was written.
  @Test(arguments: [2, 4]) func afterLargeParts(record: Int) throws {
    var job = try SmallJob(samples: 150_000, storage: .chunked(shape: [1000, 6], filters: []))
    job.keys = #""batch_size": 50000, "sync": false"#
    job.recordInterval = .zero
    let expected = try job.expectedBytes()
    try job.stop(atRecord: record)
    try job.run()
    let continued = try #require(job.continued.last)
    #expect(continued.damaged == [] && continued.share > 0.1, "\(continued)")
    #expect(try job.folder.bytes("out.h5") == expected)
  }

  /// How often samples are read and results written in a whole run.
  private func calls(of job: SmallJob) throws -> Int {
    let made = Count()
    #expect(try !interrupted(job, atCall: Int.max, made))
    try FileManager.default.removeItem(atPath: job.output)
    return made.number.withLock { $0 }
  }

  private final class Count: Sendable { let number = Guarded(0) }

  /// Runs until samples were read and results written so many times together.
  /// - Returns: false if the run was done before.
  private func interrupted(
    _ job: SmallJob, atCall number: Int, _ made: Count = Count()
  ) throws -> Bool {
    let cancellation = Cancellation()
    // These files are opened before there are workers, whose threads know nothing of the layer that is there.
    let calls = WatchedFileCalls { call, _ in
      guard
        (call.kind == .read && call.name == "in.h5") || (call.kind == .write && call.name == "data.h5")
          || (call.kind == .write && call.name == "spool")
      else { return .made }
      let count = made.number.withLock {
        $0 += 1
        return $0
      }
      if count == number { cancellation.request() }
      return .made
    }
    do {
      try job.run(calls, cancellation: cancellation)
      return false
    } catch let error as StreamError {
      // Nothing may be written down yet.
      #expect(error == .suspended(workspace: job.output + ".partial") || error == .interrupted)
      return true
    }
  }

  /// Runs until something is recorded, and stops in the second layer.
  private func interrupt(_ job: SmallJob) throws {
    try job.stop(atRecord: 3)
  }

  /// What is counted of the layers that another run has finished is in the summary.
  ///
  /// - Parameter isLate: true if nothing is written down before the second layer, so that the first one has one record only.
  @Test(
    arguments: [
      (keys[1], false), (keys[1], true), (keys[4], false), (keys[4], true), (keys[7], false), (keys[7], true),
      (keys[9], false),
    ])
  func summaryIsThatOfTheWholeJob(keys: String, isLate: Bool) throws {
    // Numbers of x̂ beyond 1.09 do not fit float16.
    var job = try SmallJob(gamma: 60_000, isIrregular: true)
    job.keys = keys + #", "output_type": "float16""#
    job.recordInterval = .zero
    let written = Guarded(0)
    @Sendable func isResult(_ call: WatchedFileCalls.Call) -> Bool {
      call.kind == .write && ["data.h5", "spool"].contains(call.name)
    }
    let whole = try job.run(
      WatchedFileCalls { call, _ in
        if isResult(call) { written.withLock { $0 += 1 } }
        return .made
      })
    #expect(
      whole.layers.allSatisfy {
        $0.outputOverflow > 0 && $0.nonfiniteInputs == 1 && $0.zeroVarianceFeatures == 1
          && $0.maskedPositions == 4
      })
    try FileManager.default.removeItem(atPath: job.output)
    if isLate {
      job.recordInterval = .milliseconds(300)
      let half = written.withLock { $0 / 2 }
      let again = Guarded(0)
      let cancellation = Cancellation()
      let calls = WatchedFileCalls { call, _ in
        if call.kind == .write, call.name == "ledger" { cancellation.request() }
        guard isResult(call) else { return .made }
        let count = again.withLock {
          $0 += 1
          return $0
        }
        if count == half + 1 { usleep(310_000) }
        return .made
      }
      #expect(throws: StreamError.suspended(workspace: job.output + ".partial")) {
        try job.run(calls, cancellation: cancellation)
      }
    } else {
      try interrupt(job)
    }
    let resumed = try job.run()
    #expect(job.continued.last?.share ?? 0 > 0.3)
    for (one, other) in zip(whole.layers, resumed.layers) { #expect(other.withoutCost == one.withoutCost) }
    #expect(whole.layers.count == resumed.layers.count)
  }

  /// A byte of what is recorded as written changes meanwhile: it is said, and computed again.
  @Test(arguments: [#""batch_size": 8, "sync": false"#, #""batch_size": "all", "sync": false"#])
  func changedBytesAreComputedAgain(keys: String) throws {
    let job = try SmallJob.recording(keys)
    let expected = try job.expectedBytes()
    try interrupt(job)
    let data = URL(fileURLWithPath: job.output + ".partial/data.h5")
    let good = try Data(contentsOf: data)
    var found = 0
    // Structure of the file is no result: it is compared with nothing, and nothing here changes it.
    for place in stride(from: 0, to: good.count, by: 41)
    where good[place] == expected[place] && good[place] != 0 {
      try interruptedAgain(job, data)
      var bytes = try Data(contentsOf: data)
      guard bytes[place] == expected[place] else { continue }
      bytes[place] ^= 0x10
      try bytes.write(to: data)
      try job.run()
      if job.continued.last?.damaged.isEmpty == false {
        found += 1
        #expect(try job.folder.bytes("out.h5") == expected, "byte \(place)")
      }
      try FileManager.default.removeItem(atPath: job.output)
    }
    #expect(found > 5)
  }

  /// The same of the copies from which chunks are written again: whatever changed, the result has the right bytes.
  @Test func changedCopiesAreComputedAgain() throws {
    let job = try SmallJob.recording(Self.keys[4])
    let expected = try job.expectedBytes()
    try interrupt(job)
    let spool = URL(fileURLWithPath: job.output + ".partial/spool")
    let count = try Data(contentsOf: spool).count
    var found = 0
    for place in stride(from: 0, to: count, by: 23) {
      try interruptedAgain(job, spool)
      var bytes = try Data(contentsOf: spool)
      bytes[place] ^= 0x10
      try bytes.write(to: spool)
      try job.run()
      if job.continued.last?.damaged.isEmpty == false { found += 1 }
      #expect(try job.folder.bytes("out.h5") == expected, "byte \(place)")
      #expect(try job.left == ["out.h5"])
      try FileManager.default.removeItem(atPath: job.output)
    }
    #expect(found > 5)
  }

  private func interruptedAgain(_ job: SmallJob, _ data: URL) throws {
    if !FileManager.default.fileExists(atPath: data.path) { try interrupt(job) }
  }

  /// The end of the ledger is missing, or is something else: what comes before it counts.
  @Test func aTornLedger() throws {
    let job = try SmallJob.recording(#""batch_size": 8, "sync": false"#)
    let expected = try job.expectedBytes()
    try interrupt(job)
    let ledger = URL(fileURLWithPath: job.output + ".partial/ledger")
    let whole = try Data(contentsOf: ledger)
    for length in stride(from: 0, through: whole.count, by: 37) {
      if !FileManager.default.fileExists(atPath: ledger.path) { try interrupt(job) }
      try whole.prefix(length).write(to: ledger)
      do {
        try job.run()
        #expect(try job.folder.bytes("out.h5") == expected, "\(length) bytes")
        try FileManager.default.removeItem(atPath: job.output)
      } catch {
        Issue.record("\(length) bytes: \(error)")
      }
      #expect(try job.left == [], "\(length) bytes")
      for name in try job.left { try FileManager.default.removeItem(atPath: job.folder.path(name)) }
    }
  }

  /// Nothing of another job is mixed in, and what is other is named.
  @Test func anotherJobIsNamed() throws {
    var job = try SmallJob.recording(#""batch_size": 8, "sync": false"#)
    let expected = try job.expectedBytes()
    try interrupt(job)
    let left = try job.folder.bytes("out.h5.partial/ledger")
    func refused(_ differences: [StreamError.JobDifference], _ job: SmallJob) {
      #expect(
        throws: StreamError.workspaceOfAnotherJob(
          path: job.output, workspace: job.output + ".partial", differences: differences)
      ) { _ = try job.run() }
    }
    job.keys = #""batch_size": 8, "sync": false, "epsilon": 0.5, "momentum": 0.25"#
    refused([.configuration(["epsilon", "momentum"])], job)
    #expect(try job.folder.bytes("out.h5.partial/ledger") == left)
    // These decide no byte.
    job.keys = #""batch_size": 8, "sync": true, "memory": "64MiB""#
    try job.run()
    #expect(job.continued.count == 1 && job.continued[0].share > 0)
    #expect(try job.folder.bytes("out.h5") == expected)
    try FileManager.default.removeItem(atPath: job.output)
    try interrupt(job)
    let path = job.folder.url.appending(path: "out.h5.partial/job.json")
    let words = try String(contentsOf: path, encoding: .utf8)
    try words.replacing(#""version" : ""#, with: #""version" : "9."#).write(
      to: path, atomically: true, encoding: .utf8)
    refused([.program(found: "9." + programVersion, now: programVersion)], job)
    // Of the same version, but with records of another form.
    let other = words.replacing(/"format" : [0-9]+/, with: #""format" : 99"#)
    #expect(other != words)
    try other.write(to: path, atomically: true, encoding: .utf8)
    refused([.program(found: programVersion, now: programVersion)], job)
    try words.write(to: path, atomically: true, encoding: .utf8)
    try FileManager.default.changeTime(ofItemAtPath: job.input)
    refused([.input], job)
    try "{}".write(to: path, atomically: true, encoding: .utf8)
    refused([.unknown], job)
    try anotherCompressorIsNamed()
    // To start over is always possible.
    job.replacesOutput = true
    try job.run()
    #expect(try job.left == ["out.h5"])
  }

  /// Another version of the compressor makes other chunks.
  private func anotherCompressorIsNamed() throws {
    let job = try SmallJob.recording(Self.keys[4])
    try interrupt(job)
    let path = job.folder.url.appending(path: "out.h5.partial/job.json")
    let words = try String(contentsOf: path, encoding: .utf8)
    let library = try #require(words.firstMatch(of: /"(gzip [0-9a-f]{8})"/)?.1)
    try words.replacing(library, with: "gzip 00000000").write(to: path, atomically: true, encoding: .utf8)
    let error = #expect(throws: StreamError.self) { try job.run() }
    guard case .workspaceOfAnotherJob(_, _, let differences)? = error,
      case .libraries(let found, let now)? = differences.first
    else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(found.hasSuffix("gzip 00000000") && now.hasSuffix(library))
  }

  /// A file of the unfinished output that is a link, as of somebody who may write in its folder, is not gone on with.
  @Test(arguments: [
    ("data.h5", keys[1]), ("job.json", keys[1]), ("ledger", keys[1]), ("job.json", keys[4]),
    ("spool", keys[4]),
  ])
  func noLinkIsGoneOnWith(name: String, keys: String) throws {
    let job = try SmallJob.recording(keys)
    let expected = try job.expectedBytes()
    try interrupt(job)
    let file = job.output + ".partial/" + name
    try FileManager.default.moveItem(atPath: file, toPath: job.folder.path("copy"))
    let copy = try job.folder.bytes("copy")
    try FileManager.default.createSymbolicLink(atPath: file, withDestinationPath: "../copy")
    try job.run()
    #expect(job.continued.isEmpty)
    #expect(try job.left == ["copy", "out.h5"])
    #expect(try job.folder.bytes("copy") == copy)
    #expect(try job.folder.bytes("out.h5") == expected)
    let attributes = try FileManager.default.attributesOfItem(atPath: job.output)
    #expect(attributes[.type] as? FileAttributeType == .typeRegular)
  }

  /// What a link leads to that has the name of a file to be is not written over.
  @Test func noLinkIsWrittenThrough() throws {
    let job = try SmallJob.recording(Self.keys[1])
    let folder = job.folder.url.appending(path: job.workspaceName)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    try Data("precious".utf8).write(to: job.folder.url.appending(path: "precious"))
    try FileManager.default.createSymbolicLink(
      atPath: folder.appending(path: "job.json.new").path, withDestinationPath: "../precious")
    #expect(throws: StreamError.writeFailed(path: job.output, .tooManySymbolicLinkLevels)) { try job.run() }
    #expect(try job.folder.bytes("precious") == Data("precious".utf8))
    #expect(try !job.left.contains("out.h5"))
  }

  /// What no later run could do better is not kept.
  @Test func anErrorOfTheDataLeavesNothing() throws {
    let job = try SmallJob.recording(#""batch_size": 8, "sync": false"#)
    try interrupt(job)
    let calls = WatchedFileCalls { call, _ in
      // The input gets another size while the job runs.
      if call.kind == .write, call.name == "data.h5" {
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: job.input))
        try file.seekToEnd()
        try file.write(contentsOf: Data([1]))
        try file.close()
      }
      return .made
    }
    #expect(throws: StreamError.inputChanged(path: job.input)) { try job.run(calls) }
    #expect(try job.left == [])
  }
}
