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
  private let scratch: ResourcePool<HandedOver<Scratch>>

  /// Where a thread puts their numbers; one for each thread serves all results of a layer.
  final class Scratch {
    private var theirs: AlignedBuffer

    init() throws(OutOfMemory) { theirs = try AlignedBuffer(byteCount: ComparingWriter.bytesAtOnce) }

    func bytes(_ count: Int) throws(OutOfMemory) -> UnsafeMutableRawBufferPointer {
      if count > theirs.bytes.count { theirs = try AlignedBuffer(byteCount: count) }
      return UnsafeMutableRawBufferPointer(rebasing: theirs.bytes[..<count])
    }
  }

  /// Their rows are read some at a time, of about this many bytes.
  private static let bytesAtOnce = 1 << 20

  /// - Parameters:
  ///   - layout: of a row.
  ///   - isInteger: true if our numbers are int64 instead of float64.
  init(
    _ other: ResultDataset, layout: FeatureLayout, isInteger: Bool,
    scratch: ResourcePool<HandedOver<Scratch>>
  ) {
    self.other = other
    self.layout = layout
    self.isInteger = isInteger
    self.scratch = scratch
    errors = Guarded(ElementErrors(layout))
  }

  /// Bytes that the comparison of a result takes for as long as the layer is compared.
  static func memory(_ layout: FeatureLayout) -> Int {
    ElementErrors.memory(featureCount: layout.featureCount)
  }

  /// Bytes that each thread takes while it compares.
  static func memoryOfThread(_ layout: FeatureLayout) -> Int {
    max(bytesAtOnce, 8 * layout.valuesPerSample) + ElementErrors.memory(featureCount: layout.featureCount)
  }

  /// What was found so far.
  var found: ElementErrors { errors.withLock { $0 } }

  func write(_ part: TensorPart, from buffer: UnsafeRawBufferPointer) throws {
    guard !part.samples.isEmpty else { return }
    let rowBytes = part.features.count * layout.positionRows * layout.planeLength * 8
    var found = ElementErrors(layout, features: part.features)
    try scratch.withItem { scratch in
      for rows in part.samples.divided(by: max(1, Self.bytesAtOnce / rowBytes)) {
        let some = TensorPart(samples: rows, features: part.features)
        let theirs = try scratch.value.bytes(rows.count * rowBytes)
        try other.read(some, into: theirs)
        let start = (rows.lowerBound - part.samples.lowerBound) * rowBytes
        compare(
          UnsafeRawBufferPointer(rebasing: buffer[start..<start + theirs.count]),
          UnsafeRawBufferPointer(theirs), some, &found)
      }
    }
    errors.withLock { $0.merge(found) }
  }

  private func compare(
    _ ours: UnsafeRawBufferPointer, _ theirs: UnsafeRawBufferPointer, _ part: TensorPart,
    _ errors: inout ElementErrors
  ) {
    guard let theirs = theirs.bindMemory(to: Double.self).baseAddress else { return }
    if isInteger {
      let numbers = ours.bindMemory(to: Int64.self).map { Double($0) }
      errors.add(numbers, theirs, part)
    } else if let numbers = ours.bindMemory(to: Double.self).baseAddress {
      errors.add(numbers, theirs, part)
    }
  }
}
