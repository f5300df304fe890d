import BatchNorm
import LayerFiles
import Parallel

/// What is found where two tensors are compared part by part.
protocol ElementFindings: Sendable {
  /// Finds nothing yet, in a part of the tensors that these findings are about.
  func empty(for part: TensorPart) -> Self

  /// Compares a part.
  /// - Parameters:
  ///   - ours: [rows, P, features, S]
  ///   - theirs: as ours.
  ///   - part: where it lies in the whole tensors.
  mutating func add(_ ours: UnsafePointer<Double>, _ theirs: UnsafePointer<Double>, _ part: TensorPart)

  /// Adds what was found in another part. The sum does not depend on the order.
  mutating func merge(_ other: Self)

  /// Throws if there is no use in going on.
  func checkHope() throws
}

extension ElementFindings {
  func checkHope() throws {}
}

/// Compares parts of a result as they are computed with those of another file, instead of writing them.
final class ComparingWriter<Findings: ElementFindings>: TensorWriter {
  private let other: ResultDataset
  /// Of a row.
  private let layout: FeatureLayout
  private let isInteger: Bool
  private let nothing: Findings
  private let findings: Guarded<Findings>
  private let scratch: ResourcePool<HandedOver<ComparisonScratch>>

  /// - Parameters:
  ///   - layout: of a row.
  ///   - isInteger: true if our numbers are int64 instead of float64.
  ///   - nothing: what is found before anything was compared.
  init(
    _ other: ResultDataset, layout: FeatureLayout, isInteger: Bool, finding nothing: Findings,
    scratch: ResourcePool<HandedOver<ComparisonScratch>>
  ) {
    self.other = other
    self.layout = layout
    self.isInteger = isInteger
    self.nothing = nothing
    self.scratch = scratch
    findings = Guarded(nothing)
  }

  /// What was found so far.
  var found: Findings { findings.withLock { $0 } }

  func write(_ part: TensorPart, from buffer: UnsafeRawBufferPointer) throws {
    guard !part.samples.isEmpty else { return }
    let rowBytes = part.features.count * layout.positionRows * layout.planeLength * 8
    var found = nothing.empty(for: part)
    try scratch.withItem { scratch in
      for rows in part.samples.divided(by: max(1, ComparisonScratch.bytesAtOnce / rowBytes)) {
        let some = TensorPart(samples: rows, features: part.features)
        let theirs = try scratch.value.bytes(rows.count * rowBytes)
        try other.read(some, into: theirs)
        let start = (rows.lowerBound - part.samples.lowerBound) * rowBytes
        compare(
          UnsafeRawBufferPointer(rebasing: buffer[start..<start + theirs.count]),
          UnsafeRawBufferPointer(theirs), some, &found)
      }
    }
    try findings.withLock {
      $0.merge(found)
      try $0.checkHope()
    }
  }

  private func compare(
    _ ours: UnsafeRawBufferPointer, _ theirs: UnsafeRawBufferPointer, _ part: TensorPart,
    _ found: inout Findings
  ) {
    guard let theirs = theirs.bindMemory(to: Double.self).baseAddress else { return }
    if isInteger {
      let numbers = ours.bindMemory(to: Int64.self).map { Double($0) }
      found.add(numbers, theirs, part)
    } else if let numbers = ours.bindMemory(to: Double.self).baseAddress {
      found.add(numbers, theirs, part)
    }
  }
}

/// Where a thread puts numbers of the other file; one for each thread serves all results of a layer.
final class ComparisonScratch {
  private var theirs: AlignedBuffer

  init() throws(OutOfMemory) { theirs = try AlignedBuffer(byteCount: Self.bytesAtOnce) }

  /// Their rows are read some at a time, of about this many bytes.
  static let bytesAtOnce = 1 << 20

  /// Bytes that each thread takes for rows of this layout.
  static func memory(_ layout: FeatureLayout) -> Int { max(bytesAtOnce, 8 * layout.valuesPerSample) }

  func bytes(_ count: Int) throws(OutOfMemory) -> UnsafeMutableRawBufferPointer {
    if count > theirs.bytes.count { theirs = try AlignedBuffer(byteCount: count) }
    return UnsafeMutableRawBufferPointer(rebasing: theirs.bytes[..<count])
  }
}
