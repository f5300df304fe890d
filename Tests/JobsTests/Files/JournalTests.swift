import Configuration
import Foundation
import HDF5
import LayerFiles
import Parallel
import TestSupport
import Testing

@testable import Jobs

/// When what is finished is written down, and what the device has before that.
@Suite(.timeLimit(.minutes(30))) struct JournalTests {
  private typealias Call = WatchedFileCalls.Call

  /// The first record comes with the job; what a later run builds on the device has, and under its name, before anything else is done.
  @Test(arguments: [true, false]) func theDeviceHasWhatIsRecorded(synchronizes: Bool) throws {
    var job = try SmallJob()
    job.keys += synchronizes ? "" : #", "sync": false"#
    job.recordInterval = .zero
    let calls = WatchedFileCalls()
    try job.run(calls)
    let kinds: Set<Call.Kind> = [.synchronize, .rename, .write, .unlink, .link]
    let all = calls.calls.filter { kinds.contains($0.kind) }.map(\.description)
    let data = job.partialName
    func device(_ name: String) -> [String] { synchronizes ? ["synchronize \(name)"] : [] }
    let begin = try #require(all.firstIndex(of: "write ledger"))
    let beginning =
      device(data) + ["write ledger"] + device("ledger") + ["write job.json.new"] + device("job.json.new")
      + ["rename job.json.new job.json"] + device(job.workspaceName)
    let first = begin - device(data).count
    #expect(Array(all[first..<first + beginning.count]) == beginning)
    // Every record after it.
    let records = all.indices.filter { all[$0] == "write ledger" }.dropFirst()
    #expect(records.count > 3)
    for record in records {
      let around = all[record - device(data).count...record + device("ledger").count]
      #expect(Array(around) == device(data) + ["write ledger"] + device("ledger"))
    }
    if !synchronizes { #expect(!calls.calls.contains { $0.kind == .synchronize }) }
  }

  /// The same of a shard: the device has the data and the copies before each record, and the record before anything else is done.
  @Test(arguments: [true, false]) func theDeviceHasWhatAShardRecords(synchronizes: Bool) throws {
    var job = try SmallJob.recording(
      synchronizes ? #""batch_size": 3"# : #""batch_size": 3, "sync": false"#, samples: 30)
    job.shard = Shard(index: 0, count: 2)
    let calls = WatchedFileCalls()
    try job.run(calls)
    let all = calls.calls.filter { [.write, .synchronize].contains($0.kind) }.map(\.description)
    let records = all.indices.filter { all[$0] == "write shard-0-of-2.ledger" }
    #expect(records.count > 3)
    if synchronizes {
      let expected = [
        "synchronize shard-0-of-2.spool", "synchronize data.h5", "write shard-0-of-2.ledger",
        "synchronize shard-0-of-2.ledger",
      ]
      for record in records { #expect(Array(all[max(0, record - 2)...].prefix(4)) == expected) }
    } else {
      #expect(!calls.calls.contains { $0.kind == .synchronize })
    }
  }

  /// Of a layer that is computed in slices, each is its part of the features: one that is finished is not the layer.
  @Test func aSliceIsAPartOfItsLayer() throws {
    let features = 20_000
    var job = try SmallJob(wide: features, samples: 14)
    job.keys = #""batch_size": "all", "memory": "17MiB", "sync": false"#
    job.recordInterval = .zero
    let perSlice = try #require(job.plan().schedules.first).featuresPerSlice
    try #require(perSlice < features / 2)
    var shares: [Double] = []
    while !FileManager.default.fileExists(atPath: job.output) {
      try #require(shares.count < 200)
      let cancellation = Cancellation()
      // The first record is that of the job, where there is none yet.
      let calls = WatchedFileCalls.requesting(cancellation, atRecord: shares.isEmpty ? 2 : 1)
      if (try? job.run(calls, cancellation: cancellation)) != nil { break }
      let report = try #require(
        try WorkspaceReport(folder: job.output + ".partial") { JobSummary.Failure(code: 0, message: "\($0)") }
      )
      #expect(report.layers?.map(\.path) == ["/wide"] && report.layers?.first?.share == report.share)
      shares.append(try #require(report.share))
    }
    // Never more than a slice further than before.
    #expect(shares.count > 1)
    let step = Double(perSlice) / Double(features) * 1.001
    for (before, after) in zip([0] + shares, shares) {
      #expect(before <= after && after <= before + step, "\(shares)")
    }
    #expect(shares.allSatisfy { $0 < 1.001 })
  }

  /// What an unfinished output takes is what all of its files have, copies of compressed chunks among them.
  @Test(arguments: [1, 4]) func allFilesAreItsBytes(key: Int) throws {
    let job = try SmallJob.recording(ResumeTests.keys[key])
    try job.stop(atRecord: 3)
    let folder = job.output + ".partial"
    var sizes: [Int] = []
    for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
      let attributes = try FileManager.default.attributesOfItem(atPath: folder + "/" + name)
      sizes.append(try #require(attributes[.size] as? Int))
    }
    #expect(sizes.count { $0 > 0 } > 2)
    let report = try #require(
      try WorkspaceReport(folder: folder) { JobSummary.Failure(code: 0, message: "\($0)") })
    #expect(report.byteCount == sizes.reduce(0, +))
  }

  /// Somebody removed the file that the records are about: nothing goes on with them, and the next run begins anew.
  @Test(arguments: [(1, "data.h5"), (4, "spool")]) func recordsOfAFileThatIsGoneAreNothing(
    key: Int, file: String
  ) throws {
    let job = try SmallJob.recording(ResumeTests.keys[key])
    try job.stop(atRecord: 3)
    let folder = job.output + ".partial"
    func report() throws -> WorkspaceReport {
      try #require(try WorkspaceReport(folder: folder) { JobSummary.Failure(code: 0, message: "\($0)") })
    }
    #expect(try report().isResumable && report().share != nil)
    try FileManager.default.removeItem(atPath: folder + "/" + file)
    let after = try report()
    #expect(!after.isResumable && after.share == nil && after.layers == nil && after.refusal == nil)
    #expect(after.job?.input == job.input)
    try job.run()
    #expect(job.continued.isEmpty)
  }

  /// A record costs two waits for the device: between two of them is the interval, however much ends in it. What waits is not lost.
  @Test func recordsAreAnIntervalApart() throws {
    let folder = try TemporaryFolder()
    let writes = Guarded<[ContinuousClock.Instant]>([])
    let calls = WatchedFileCalls { call, _ in
      if call.kind == .write, call.name == "ledger" { writes.withLock { $0.append(.now) } }
      return .made
    }
    try calls.watch {
      let output = try OutputFile(
        path: folder.path("out.h5"), inputs: [], replaces: false, byteCount: 0, synchronizes: false)
      let journal = Journal(
        output, nil, job: { Array("{}".utf8) }, beginning: [1], interval: .milliseconds(100),
        synchronizes: false, clock: StageClock())
      for number in 0..<100 as Range<UInt8> {
        try journal.add([number])
        usleep(7000)
      }
      let times = writes.withLock { $0 }
      // Of 100, in 0.7 s or more, each with those that waited.
      #expect(times.count > 3)
      for (one, other) in zip(times, times.dropFirst()) {
        #expect(one.duration(to: other) > .milliseconds(95))
      }
      try journal.flush()
      var records: [[UInt8]] = []
      let ledger = try WorkspaceContents(folder: folder.path("out.h5.partial"))?.ledger()
      try #require(ledger).read { records.append($0) }
      #expect(records == [[1]] + (0..<100).map { [$0] })
      output.giveUp()
    }
  }

  /// However long the interval is, records wait in memory up to 8 MiB: those that are more are written, and counting begins anew.
  @Test func manyRecordsDoNotWait() throws {
    let folder = try TemporaryFolder()
    let writes = Guarded(0)
    let calls = WatchedFileCalls { call, _ in
      if call.kind == .write, call.name == "ledger" { writes.withLock { $0 += 1 } }
      return .made
    }
    try calls.watch {
      let output = try OutputFile(
        path: folder.path("out.h5"), inputs: [], replaces: false, byteCount: 0, synchronizes: false)
      defer { output.giveUp() }
      let journal = Journal(
        output, nil, job: { Array("{}".utf8) }, beginning: [1], interval: .seconds(3600),
        synchronizes: false, clock: StageClock())
      let record = [UInt8](repeating: 7, count: 1 << 20)
      var written: [Int] = []
      for number in 1...20 {
        let before = writes.withLock { $0 }
        try journal.add(record)
        if writes.withLock({ $0 }) > before { written.append(number) }
      }
      #expect(written == [9, 18])
    }
  }

  /// Copies of chunks cost as much of the disk as the chunks: a run that goes on keeps none again of those up to which all are kept.
  @Test(arguments: [4, 5, 6, 8]) func noChunkIsKeptTwice(key: Int) throws {
    var job = try SmallJob()
    job.keys = ResumeTests.keys[key]
    job.recordInterval = .zero
    let layers = try job.plan().layers
    struct Kept: Hashable { let layer: Int, result: LayerResult, chunk: Int }
    let folder = job.output + ".partial"
    @Sendable func kept() throws -> [Kept] {
      // Through the system's own calls, as another process looks.
      try FileLayer.$current.withValue(SystemFileCalls()) {
        var all: [Kept] = []
        try WorkspaceContents(folder: folder)?.ledger()?.read { bytes in
          guard let record = SliceRecord(bytes, layers) else { return }
          all += record.chunks.map { Kept(layer: record.layer, result: $0.result, chunk: $0.chunk.chunk) }
        }
        return all
      }
    }
    var again = 0
    for stop in 1... {
      let cancellation = Cancellation()
      let stopping = WatchedFileCalls.requesting(cancellation, atRecord: stop)
      guard (try? job.run(stopping, cancellation: cancellation)) == nil else { break }
      let before = Set(try kept())
      let after = Guarded<[Kept]>([])
      let looking = WatchedFileCalls { call, _ in
        if call.kind == .link {
          let all = try kept()
          after.withLock { $0 = all }
        }
        return .made
      }
      try job.run(looking)
      let new = after.withLock { $0 }.dropFirst(before.count)
      again += new.count
      for chunk in new where before.contains(chunk) {
        // Of the others of the layer some is missing.
        let isWhole = layers[chunk.layer].largeResults.allSatisfy { result in
          (0...chunk.chunk).allSatisfy {
            before.contains(Kept(layer: chunk.layer, result: result, chunk: $0))
          }
        }
        #expect(!isWhole, "\(chunk) after record \(stop)")
      }
      try FileManager.default.removeItem(atPath: job.output)
    }
    #expect(again > 10)
  }
}
