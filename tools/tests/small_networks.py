"""Networks that learn scikit-learn's digits in a second or two: for tests that need statistics of real layers."""

from __future__ import annotations

from support import need

torch, sklearn = need("torch", version=2), need("sklearn.datasets")
nn = torch.nn


class Block(nn.Module):
    """conv, BN, ReLU, conv, BN, and around them what came in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)

    def forward(self, x):
        return torch.relu(x + self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))))


class ResNet(nn.Module):
    """Five BN layers, of which that of the stem runs first and has the last name."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.blocks = nn.Sequential(Block(width), Block(width))
        self.stem = nn.Sequential(nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


def digits():
    """Images [1797, 1, 8, 8] from 0 to 1, and labels."""
    data = sklearn.load_digits()
    return torch.tensor(data.images[:, None] / 16, dtype=torch.float32), torch.tensor(data.target)


def trained(epochs: int = 1):
    """A ResNet after a little training, in evaluation mode, and the images' batches of 128, the last one of 5."""
    torch.manual_seed(4)
    torch.set_num_threads(1)
    images, labels = digits()
    model = ResNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for _ in range(epochs):
        for rows in torch.randperm(len(images)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[rows]), labels[rows]).backward()
            optimizer.step()
    return model.eval(), list(images.split(128))
