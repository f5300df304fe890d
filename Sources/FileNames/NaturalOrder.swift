extension String {
  /// True if it comes first where numbers in names count by their value: `layer2` before `layer10`.
  public func comesNaturally(before other: String) -> Bool {
    let (left, right) = (naturalParts, other.naturalParts)
    for (one, two) in zip(left, right) where one != two {
      if let number = Int(one), let otherNumber = Int(two), number != otherNumber {
        return number < otherNumber
      }
      return one.utf8.lexicographicallyPrecedes(two.utf8)
    }
    return left.count < right.count
  }

  /// Its runs of digits, and of anything else.
  private var naturalParts: [Substring] {
    var parts: [Substring] = []
    var start = startIndex
    func isDigit(_ index: Index) -> Bool { ("0"..."9").contains(self[index]) }
    for index in indices.dropFirst() where isDigit(index) != isDigit(self.index(before: index)) {
      parts.append(self[start..<index])
      start = index
    }
    return parts + [self[start...]]
  }
}
