import Configuration
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

  /// Which job it is is written down whole, also where the system takes a few bytes at a time.
  @Test(arguments: [1, 7, 100]) func aJobThatIsWrittenInParts(count: Int) throws {
    let job = try SmallJob.recording(Self.keys[1])
    let expected = try job.expectedBytes()
    let cancellation = Cancellation()
    let records = Guarded(0)
    let calls = WatchedFileCalls { call, _ in
      guard call.kind == .write else { return .made }
      if call.name == "job.json.new" { return .short(count) }
      guard call.name == "ledger" else { return .made }
      let number = records.withLock {
        $0 += 1
        return $0
      }
      if number == 3 { cancellation.request() }
      return .made
    }
    #expect(throws: StreamError.suspended(workspace: job.output + ".partial")) {
      try job.run(calls, cancellation: cancellation)
    }
    #expect(calls.calls.count { $0.kind == .write && $0.name == "job.json.new" } > 1)
    try job.run()
    #expect(job.continued.count == 1)
    #expect(try job.folder.bytes("out.h5") == expected)
  }

  /// Of very many files all names are written down, more than a megabyte, and the job goes on.
  @Test func aJobOfManyFilesWithLongNames() throws {
    let made = try SmallJob(samples: 2)
    let detour = made.folder.path("") + String(repeating: "/.", count: 1900)
    let inputs = try (0..<300).map { number in
      let name = "part-\(number).h5"
      try FileManager.default.copyItem(atPath: made.input, toPath: made.folder.path(name))
      return detour + "/" + name
    }
    let output = made.folder.path("out.h5")
    let shares = Guarded<[Double]>([])
    func run(stopsAtRecord record: Int = .max) throws {
      let cancellation = Cancellation()
      let job = Job(
        inputs: inputs, output: output,
        configuration: try JobConfiguration(
          json: #"{"batch_size": 50, "threads": 1, "sync": false}"#, source: "test"), replacesOutput: false)
      try WatchedFileCalls.requesting(cancellation, atRecord: record).watch {
        try JobPlan.checkOutput(output, of: job)
        var execution = Execution(try JobPlan(job), progress: JobProgress(), cancellation: cancellation)
        execution.recordInterval = .zero
        execution.continues = { new in shares.withLock { $0.append(new.share) } }
        _ = try execution.write(to: output)
      }
    }
    try run()
    let expected = try made.folder.bytes("out.h5")
    try FileManager.default.removeItem(atPath: output)
    #expect(throws: StreamError.suspended(workspace: output + ".partial")) { try run(stopsAtRecord: 10) }
    #expect(try made.folder.bytes("out.h5.partial/job.json").count > 1 << 20)
    try run()
    #expect(shares.withLock { $0.count } == 1)
    #expect(try made.folder.bytes("out.h5") == expected)
  }

  /// An input that was moved is the same input: what was made of it is finished.
  @Test func anInputThatWasMoved() throws {
    let job = try SmallJob()
    try job.run()
    let moved = job.folder.path("moved.h5")
    try FileManager.default.moveItem(atPath: job.input, toPath: moved)
    func isFinished(_ keys: String) throws -> Bool {
      let configuration = try JobConfiguration(json: keys, source: "test")
      return try JobPlan(
        Job(input: moved, output: nil, configuration: configuration, replacesOutput: false)
      ).isFinished(job.output)
    }
    // Threads and memory decide no byte.
    #expect(try isFinished(#"{"batch_size": 8, "threads": 2, "memory": "64MiB", "sync": false}"#))
    #expect(
      throws: StreamError.outputOfAnotherJob(path: job.output, differences: [.configuration(["epsilon"])])
    ) { try isFinished(#"{"batch_size": 8, "epsilon": 0.5}"#) }
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
