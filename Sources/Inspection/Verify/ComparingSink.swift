import BatchNorm
import Jobs
import LayerFiles
import Parallel

/// Compares rows of results as they are computed with those of another file, instead of writing them.
final class ComparingSink: SampleSink {
  private let other: ResultDataset
  private let layout: FeatureLayout
  private let errors: Guarded<ElementErrors>
  private let rowsAtOnce: Int
  /// Rows of the dataset in a row of results.
  private let theirRows: Int
  private let scratch: ResourcePool<Scratch>

  /// What one thread needs for a comparison.
  private final class Scratch: Sendable {
    let theirs: AlignedBuffer
    let errors: Guarded<ElementErrors>

    init(_ layout: FeatureLayout, rows: Int) throws {
      theirs = try AlignedBuffer(byteCount: rows * layout.valuesPerSample * 8)
      errors = Guarded(ElementErrors(layout))
    }
  }

  /// Their rows are read in pieces of about this many bytes.
  static let bytesAtOnce = 1 << 20

  /// - Parameters:
  ///   - layout: of a row.
  ///   - rowIsWhole: true if all of the dataset is one row, so that its own rows are its numbers.
  init(_ other: ResultDataset, layout: FeatureLayout, rowIsWhole: Bool = false) {
    self.other = other
    theirRows = rowIsWhole ? layout.valuesPerSample : 1
    self.layout = layout
    let rows = max(1, Self.bytesAtOnce / (8 * layout.valuesPerSample))
    rowsAtOnce = rows
    errors = Guarded(ElementErrors(layout))
    scratch = ResourcePool { try Scratch(layout, rows: rows) }
  }

  /// What was found so far.
  var found: ElementErrors { errors.withLock { $0 } }

  func write(samples: Range<Int>, from buffer: UnsafeRawBufferPointer) throws {
    guard !samples.isEmpty, let ours = buffer.baseAddress else { return }
    let scratch = try scratch.take()
    defer { self.scratch.giveBack(scratch) }
    let rowLength = layout.valuesPerSample
    for first in stride(from: samples.lowerBound, to: samples.upperBound, by: rowsAtOnce) {
      let rows = first..<min(first + rowsAtOnce, samples.upperBound)
      let theirs = UnsafeMutableRawBufferPointer(
        rebasing: scratch.theirs.bytes[..<(rows.count * rowLength * 8)])
      try other.read(rows: rows.lowerBound * theirRows..<rows.upperBound * theirRows, into: theirs)
      guard let base = theirs.baseAddress else { continue }
      scratch.errors.withLock {
        $0.add(
          (ours + (first - samples.lowerBound) * rowLength * 8).assumingMemoryBound(to: Double.self),
          UnsafeRawPointer(base).assumingMemoryBound(to: Double.self), samples: rows.count,
          firstElement: first * rowLength)
      }
    }
    scratch.errors.withLock { local in
      errors.withLock { $0.merge(local) }
      local.reset()
    }
  }
}
