import BatchNorm
import LayerFiles
import Parallel

/// Compares parts of a result as they are computed with those of another file, instead of writing them.
final class ComparingWriter: TensorWriter {
  private let other: ResultDataset
  /// Of a row.
  private let layout: FeatureLayout
  private let isInteger: Bool
  private let errors: Guarded<ElementErrors>
  private let rowsAtOnce: Int
  private let scratch: ResourcePool<HandedOver<Scratch>>

  /// What one thread needs for a comparison.
  private final class Scratch {
    let theirs: AlignedBuffer
    var errors: ElementErrors

    init(_ layout: FeatureLayout, rows: Int) throws {
      theirs = try AlignedBuffer(byteCount: rows * layout.valuesPerSample * 8)
      errors = ElementErrors(layout)
    }
  }

  /// Their rows are read some at a time, of about this many bytes.
  static let bytesAtOnce = 1 << 20

  /// - Parameters:
  ///   - layout: of a row.
  ///   - isInteger: true if our numbers are int64 instead of float64.
  init(_ other: ResultDataset, layout: FeatureLayout, isInteger: Bool) {
    self.other = other
    self.layout = layout
    self.isInteger = isInteger
    let rows = max(1, Self.bytesAtOnce / (8 * layout.valuesPerSample))
    rowsAtOnce = rows
    errors = Guarded(ElementErrors(layout))
    scratch = ResourcePool { HandedOver(try Scratch(layout, rows: rows)) }
  }

  /// What was found so far.
  var found: ElementErrors { errors.withLock { $0 } }

  func write(_ part: TensorPart, from buffer: UnsafeRawBufferPointer) throws {
    guard !part.samples.isEmpty else { return }
    let rowLength = part.features.count * layout.positionRows * layout.planeLength
    try scratch.withItem { scratch in
      let scratch = scratch.value
      for rows in part.samples.divided(by: rowsAtOnce) {
        let theirs = UnsafeMutableRawBufferPointer(
          rebasing: scratch.theirs.bytes[..<(rows.count * rowLength * 8)])
        try other.read(TensorPart(samples: rows, features: part.features), into: theirs)
        let start = (rows.lowerBound - part.samples.lowerBound) * rowLength * 8
        let ours = UnsafeRawBufferPointer(rebasing: buffer[start..<start + theirs.count])
        compare(ours, theirs, TensorPart(samples: rows, features: part.features), &scratch.errors)
      }
      errors.withLock { $0.merge(scratch.errors) }
      scratch.errors.reset()
    }
  }

  private func compare(
    _ ours: UnsafeRawBufferPointer, _ theirs: UnsafeMutableRawBufferPointer, _ part: TensorPart,
    _ errors: inout ElementErrors
  ) {
    let theirs = UnsafeRawBufferPointer(theirs).bindMemory(to: Double.self)
    guard let theirs = theirs.baseAddress else { return }
    if isInteger {
      let numbers = ours.bindMemory(to: Int64.self).map { Double($0) }
      errors.add(numbers, theirs, part)
    } else if let numbers = ours.bindMemory(to: Double.self).baseAddress {
      errors.add(numbers, theirs, part)
    }
  }
}
