"""The protocol buffers of ONNX's test vectors are read without ONNX: here some that are made by hand."""

import struct
import unittest

from support import need

np, h5py = need("numpy"), need("h5py")

from make_onnx import tensor  # noqa: E402

FLOAT, DOUBLE = b"\x10\x01", b"\x10\x0b"  # data_type
NAME = b"\x42\x01x"


class TensorTests(unittest.TestCase):
    def test_raw_data(self) -> None:
        values = np.arange(300, dtype="<f4").reshape(2, 150) - 7.5
        # 150 is 0x96 0x01, and 1200 bytes 0xb0 0x09: seven bits a byte, the lowest first.
        found = tensor(b"\x08\x02\x08\x96\x01" + FLOAT + NAME + b"\x4a\xb0\x09" + values.tobytes())
        np.testing.assert_array_equal(found, values)
        self.assertEqual((found.dtype, found.shape), (np.float32, (2, 150)))

    def test_what_is_not_read_is_refused(self) -> None:
        with self.assertRaisesRegex(ValueError, "data type 11 is not float32"):
            tensor(b"\x08\x01" + DOUBLE + b"\x4a\x08" + bytes(8))
        # The numbers may lie in float_data (4), too, which the vectors do not use.
        with self.assertRaises(ValueError):
            tensor(b"\x08\x02" + FLOAT + b"\x22\x08" + struct.pack("<2f", 1, 2))


if __name__ == "__main__":
    unittest.main()
