"""The web page: `python app.py`. `translate app --help` has the options."""

from translate.config import AppConfig
from translate.web import build_app, serve

config = AppConfig()
demo = build_app(config)

if __name__ == "__main__":
    serve(config, demo)
