extension Range<Int> {
  /// Consecutive parts of this length, the last one perhaps shorter.
  package func divided(by length: Int) -> [Range<Int>] {
    if count <= length { return isEmpty ? [] : [self] }
    return stride(from: lowerBound, to: upperBound, by: length).map {
      $0..<Swift.min($0 + length, upperBound)
    }
  }
}
