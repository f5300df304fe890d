import BatchNorm
import LayerFiles
import Parallel

/// How far the work on a slice is: all batches before `batch`, and what is under way of that one.
struct SlicePosition: Sendable {
  var batch: Int
  var within = Within.nothing

  /// What is done of a batch that all workers share.
  enum Within: Sendable {
    case nothing
    /// The statistics pass has seen so many samples of it, which gave this.
    case collected(samples: Int, PartialMoments)
    /// Its statistics are known, as `BatchResult.record` has them, and so many of its samples are written.
    case written(samples: Int, result: [UInt8])
  }
}

/// A part of a result that was written, and by what its bytes are known.
struct WrittenPart: Sendable {
  var result: LayerResult
  var part: TensorPart
  var checksum: Checksum
  /// Where a copy lies; nil if the part itself is to be looked at.
  var copy: Spool.Place?
}

/// A chunk that was written, and where a copy lies.
struct WrittenChunk: Sendable {
  var result: LayerResult
  var chunk: SpooledChunk
}

/// What is kept of parts that are written, for a run that goes on.
enum Keeping: Sendable {
  /// Nobody goes on.
  case nothing
  /// What is written stays where it is.
  case checksums
  /// The file is made again. Chunks are kept by who writes them.
  case copies(Spool)
  /// What is written stays where it is; of each large result only these samples are written, and the others are kept.
  case outerCopies(Spool, inner: [LayerResult: Range<Int>])
}

/// What a task did beside its results: used by one thread at a time.
struct WorkNotes: Sendable {
  let keeping: Keeping
  var parts: [WrittenPart] = []
  /// Finite numbers that did not fit the type that they were written in.
  var overflows = 0

  init(_ keeping: Keeping) { self.keeping = keeping }

  /// Parts are read back in pieces of about this size.
  private static let pieceByteCount = 1 << 20

  /// Notes what was written.
  /// - Parameter bytes: the part as it is stored, [rows, P, features, S].
  mutating func note(_ result: LayerResult, _ part: TensorPart, _ bytes: UnsafeRawBufferPointer) throws {
    guard !part.samples.isEmpty else { return }
    switch keeping {
    case .nothing: break
    case .checksums: try note(result, part, bytes, rows: part.samples, copies: nil)
    case .copies(let spool):
      guard result.entry.shape != .samples else { return }
      try note(result, part, bytes, rows: part.samples, copies: spool)
    case .outerCopies(let spool, let inner):
      let samples = part.samples
      let inner = (inner[result] ?? samples.lowerBound..<samples.lowerBound).clamped(to: samples)
      try note(result, part, bytes, rows: samples.lowerBound..<inner.lowerBound, copies: spool)
      try note(result, part, bytes, rows: inner, copies: nil)
      try note(result, part, bytes, rows: inner.upperBound..<samples.upperBound, copies: spool)
    }
  }

  /// Notes some rows of a part.
  /// - Parameter spool: where copies go; nil if there are none.
  private mutating func note(
    _ result: LayerResult, _ part: TensorPart, _ bytes: UnsafeRawBufferPointer, rows: Range<Int>,
    copies spool: Spool?
  ) throws {
    let rowByteCount = bytes.count / part.samples.count
    for rows in rows.divided(by: max(1, Self.pieceByteCount / max(1, rowByteCount))) where !rows.isEmpty {
      let first = (rows.lowerBound - part.samples.lowerBound) * rowByteCount
      let piece = UnsafeRawBufferPointer(rebasing: bytes[first..<first + rows.count * rowByteCount])
      let copy = try spool?.keep(piece)
      parts.append(
        WrittenPart(
          result: result, part: TensorPart(samples: rows, features: part.features),
          checksum: copy?.checksum ?? Checksum(of: piece), copy: copy))
    }
  }

  mutating func add(_ other: WorkNotes) {
    parts += other.parts
    overflows += other.overflows
  }
}

/// Writes down every now and then what is finished, so that a later run of the same job goes on from there.
///
/// Nothing is written before the first `interval` is over: a short job costs nothing, and there is little to lose. Data comes first,
/// then the record; with `sync` both are on the storage device before anything else is recorded.
final class Journal: Sendable {
  private struct State {
    var ledger: Ledger?
    var pending: [[UInt8]] = []
    var pendingByteCount = 0
    var last = ContinuousClock.now
  }

  /// What is kept of parts that are written.
  let keeping: Keeping
  private let output: OutputFile
  private let job: @Sendable () -> [UInt8]
  private let beginning: [UInt8]
  private let interval: Duration
  private let clock: StageClock
  private let synchronizes: Bool
  private let state: Guarded<State>

  /// Bytes of records that wait at most.
  private static let mostPending = 1 << 23

  /// - Parameters:
  ///   - ledger: of the run that is continued; nil if the job begins.
  ///   - job: what is to stand in `job.json`.
  ///   - beginning: the first record.
  init(
    _ output: OutputFile, _ ledger: Ledger?, job: @escaping @Sendable () -> [UInt8], beginning: [UInt8],
    interval: Duration, synchronizes: Bool, clock: StageClock
  ) {
    self.output = output
    // A shard says of each part what is kept.
    keeping = output.spool.map(Keeping.copies) ?? .checksums
    self.job = job
    self.beginning = beginning
    self.interval = interval
    self.synchronizes = synchronizes
    self.clock = clock
    state = Guarded(State(ledger: ledger))
  }

  /// True if it is time to write something down.
  var isDue: Bool { state.withLock { ContinuousClock.now - $0.last >= interval } }

  /// Writes a record, with those that wait, if it is time; else it waits.
  /// - Parameter isLast: true to write them in any case.
  func add(_ record: [UInt8], isLast: Bool = false) throws {
    try state.withLock { state in
      state.pending.append(record)
      state.pendingByteCount += record.count
      guard
        isLast || state.pendingByteCount > Self.mostPending || ContinuousClock.now - state.last >= interval
      else {
        return
      }
      try write(&state)
    }
  }

  /// Writes the records that wait.
  func flush() throws { try state.withLock { state in if !state.pending.isEmpty { try write(&state) } } }

  private func write(_ state: inout State) throws {
    try clock.measure(.write) {
      if let ledger = state.ledger {
        try output.synchronizeForRecords()
        try ledger.append(state.pending, synchronizes: synchronizes)
      } else {
        state.ledger = try output.begin(job: job(), [beginning] + state.pending)
      }
    }
    state.pending = []
    state.pendingByteCount = 0
    state.last = .now
  }
}
