extension String {
  /// True if it comes first where numbers in names count by their value: `layer2` before `layer10`.
  public func comesNaturally(before other: String) -> Bool {
    let (left, right) = (naturalParts, other.naturalParts)
    for (one, two) in zip(left, right) where one != two {
      if let number = one.number, let otherNumber = two.number, number != otherNumber {
        let (length, otherLength) = (number.utf8.count, otherNumber.utf8.count)
        return length == otherLength
          ? number.utf8.lexicographicallyPrecedes(otherNumber.utf8) : length < otherLength
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

extension Substring {
  /// The digits of a number, however many, without zeros before them; nil if it is none.
  fileprivate var number: Substring? {
    utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? drop { $0 == "0" } : nil
  }
}
