"""What pyproject.toml cannot say: icons, forms and models lie beside the package here, but inside it in a wheel."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["CT2MRSynthLib*"]), "CT2MRSynthLib.Resources"],
    package_dir={"CT2MRSynthLib.Resources": "Resources"},
    package_data={"CT2MRSynthLib.Resources": ["**/*"]},
)
