/// Finds the name that was probably meant; for keys of the configuration as for options, layers and datasets.
public enum Spelling {
  /// The candidate nearest to a misspelt name, or nil if none is near enough to be worth suggesting.
  ///
  /// Upper and lower case and `-` and `_` count as equal. Near enough is an edit distance (insertions,
  /// deletions, substitutions and swaps of neighbours) of at most a third of the longer name's length, or one
  /// name beginning with the other, of at least three characters. Of equally near candidates the first wins.
  public static func nearest(to name: String, in candidates: some Sequence<String>) -> String? {
    let folded = fold(name)
    // A pasted paragraph is not a misspelling, and the distance costs the product of the lengths.
    guard !folded.isEmpty, folded.count <= 200 else { return nil }
    var best: (candidate: String, distance: Int)?
    for candidate in candidates {
      let other = fold(candidate)
      guard other.count <= 200 else { continue }
      let edits = distance(folded, other)
      let isPrefix =
        min(folded.count, other.count) >= 3 && (other.starts(with: folded) || folded.starts(with: other))
      let isNear = isPrefix || edits <= max(folded.count, other.count) / 3
      if isNear, edits < best?.distance ?? .max { best = (candidate, edits) }
    }
    return best?.candidate
  }

  private static func fold(_ name: String) -> [Unicode.Scalar] {
    name.lowercased().unicodeScalars.map { $0 == "-" ? "_" : $0 }
  }

  /// The number of edits between two names ("optimal string alignment", Levenshtein's distance with swaps).
  static func distance(_ first: [Unicode.Scalar], _ second: [Unicode.Scalar]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...second.count)
    for i in first.indices {
      var row = [i + 1]
      for j in second.indices {
        var edits = min(last[j + 1] + 1, row[j] + 1, last[j] + (first[i] == second[j] ? 0 : 1))
        if i > 0, j > 0, first[i] == second[j - 1], first[i - 1] == second[j] {
          edits = min(edits, beforeLast[j - 1] + 1)
        }
        row.append(edits)
      }
      beforeLast = last
      last = row
    }
    return last[second.count]
  }
}
